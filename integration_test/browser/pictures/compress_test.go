package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"
)

// TestCompress checks that frequent colors stay and that a rare color becomes
// a similar one.
func TestCompress(t *testing.T) {
	source := image.NewRGBA(image.Rect(0, 0, 300, 2))
	for x := range 300 {
		source.Set(x, 0, color.RGBA{R: uint8(x % 256), G: uint8(x / 256), A: 255})
		source.Set(x, 1, color.White)
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, source); err != nil {
		t.Fatal(err)
	}
	compressed, err := compress(encoded.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	if palette, ok := got.ColorModel().(color.Palette); !ok || len(palette) > maxColors {
		t.Errorf("color model %T, want a palette of at most %d colors", got.ColorModel(), maxColors)
	}
	for x := range 300 {
		if want := color.RGBAModel.Convert(color.White); color.RGBAModel.Convert(got.At(x, 1)) != want {
			t.Fatalf("pixel (%d, 1) is %v, want %v", x, got.At(x, 1), want)
		}
		before, after := source.RGBAAt(x, 0), color.RGBAModel.Convert(got.At(x, 0)).(color.RGBA)
		if difference := int(before.R) - int(after.R); difference < -50 || difference > 50 {
			t.Errorf("pixel (%d, 0) is %v, want a color near %v", x, after, before)
		}
	}
}

func TestCompressInvalidPicture(t *testing.T) {
	if _, err := compress([]byte("no PNG")); err == nil {
		t.Error("no error for an invalid picture")
	}
}
