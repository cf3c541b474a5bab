package witness_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const document = `
| client | version |
|---|---|
| ` + "`@vendor/sdk`" + ` | 1 |

| key | there | here | why ours is right |
|---|---|---|---|
| ` + "`refresh-{a,b}/status` `logout/status`" + ` | ` + "`401`" + ` | ` + "`503`" + ` | a reason |

| ` + "`no/row`" + ` |
`

func TestReadTable(t *testing.T) {
	got, err := readTable(document)
	fatal(t, err)
	want := []row{
		{difference{"refresh-a/status", "401", "503"}},
		{difference{"refresh-b/status", "401", "503"}},
		{difference{"logout/status", "401", "503"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{}, difference{})); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestReadTableRejectsRowWithoutReason(t *testing.T) {
	if rows, err := readTable(strings.Replace(document, " a reason ", "", 1)); err == nil {
		t.Errorf("no error, but %v", rows)
	}
}

func TestCompareReturnsAllDifferences(t *testing.T) {
	sdk := observation{"status": "200", "cookie": "a", "body": "", "headers": "a", "calls": "one"}
	kit := observation{"status": "503", "cookie": "a", "type": "", "headers": "b", "extra": "1"}
	want := []difference{{"s/calls", "one", none}, {"s/extra", none, "1"}, {"s/status", "200", "503"}}
	if diff := cmp.Diff(want, compare("s", sdk, kit), cmp.AllowUnexported(difference{})); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}

func TestCheckDifferences(t *testing.T) {
	d := difference{"refresh/status", "401", "503"}
	other := difference{"refresh/status", "401", "500"}
	tests := []struct {
		name  string
		found []difference
		rows  []row
		fault string
	}{
		{"neither", nil, nil, ""},
		{"both", []difference{d}, []row{{d}}, ""},
		{"no row", []difference{d}, nil, "a difference without a row"},
		{"no difference", nil, []row{{d}}, "a row without a difference"},
		{"other values", []difference{d}, []row{{other}}, "a row with other values"},
		{"two rows", []difference{d}, []row{{d}, {d}}, "two rows"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			faults := strings.Join(checkDifferences(test.found, test.rows), "\n")
			if (faults == "") != (test.fault == "") || !strings.Contains(faults, test.fault) {
				t.Errorf("faults %q, want %q", faults, test.fault)
			}
		})
	}
}
