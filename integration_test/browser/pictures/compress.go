package main

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"maps"
	"slices"
)

// maxColors is the limit of a PNG with a palette.
const maxColors = 256

// compress reduces a PNG to its most frequent colors. The other colors are
// shades at the edges of letters, where the difference is not visible.
func compress(encoded []byte) ([]byte, error) {
	source, err := png.Decode(bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	var compressed bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	err = encoder.Encode(&compressed, withPalette(source))
	return compressed.Bytes(), err
}

func withPalette(source image.Image) *image.Paletted {
	bounds := source.Bounds()
	counts := map[color.Color]int{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[source.At(x, y)]++
		}
	}
	frequent := slices.SortedFunc(maps.Keys(counts), func(a, b color.Color) int { return cmp.Compare(counts[b], counts[a]) })
	palette := color.Palette(frequent[:min(len(frequent), maxColors)])
	nearest := map[color.Color]uint8{}
	for c := range counts {
		nearest[c] = uint8(palette.Index(c))
	}
	target := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			target.SetColorIndex(x, y, nearest[source.At(x, y)])
		}
	}
	return target
}
