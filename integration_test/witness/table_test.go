package witness_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// tablePath is the document with the differences.
var tablePath = filepath.Join("..", "..", "docs", "compat.md")

// difference is a field with different values on the two sides. Its key is
// "scenario/field".
type difference struct{ key, sdk, kit string }

// row is a documented difference.
type row struct{ difference }

// cells are the columns of a line of the table: keys, both values, reason.
const cells = 4

var code = regexp.MustCompile("`([^`]+)`")

// tableHead is the start of the header of a table of differences. Tables with other
// headers are ignored.
const tableHead = "| key |"

// readTable returns the rows of all tables of differences of a document.
// Several keys with the same values share a line.
func readTable(document string) ([]row, error) {
	var rows []row
	inside := false
	for number, line := range strings.Split(document, "\n") {
		switch {
		case strings.HasPrefix(line, tableHead):
			inside = true
		case !strings.HasPrefix(line, "|"):
			inside = false
		case inside && !strings.HasPrefix(line, "|---"):
			found, err := readLine(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number+1, err)
			}
			rows = append(rows, found...)
		}
	}
	return rows, nil
}

// readLine returns the rows that share a line.
func readLine(line string) ([]row, error) {
	columns := strings.Split(strings.Trim(line, "| "), " | ")
	keys := code.FindAllStringSubmatch(columns[0], -1)
	if len(columns) != cells || len(keys) == 0 {
		return nil, errors.New("want keys, two values and a reason")
	}
	var rows []row
	for _, match := range keys {
		for _, key := range expand(match[1]) {
			rows = append(rows, row{difference{key, value(columns[1]), value(columns[2])}})
		}
	}
	return rows, nil
}

// expand returns the keys of a key with a list, like a shell:
// "a-{b,c}/d" means "a-b/d" and "a-c/d".
func expand(key string) []string {
	before, rest, ok := strings.Cut(key, "{")
	list, after, closed := strings.Cut(rest, "}")
	if !ok || !closed {
		return []string{key}
	}
	var keys []string
	for _, word := range strings.Split(list, ",") {
		keys = append(keys, before+word+after)
	}
	return keys
}

// value returns the value in a cell.
func value(cell string) string { return strings.Trim(strings.TrimSpace(cell), "`") }

func readTableFile() ([]row, error) {
	document, err := os.ReadFile(tablePath)
	if err != nil {
		return nil, err
	}
	return readTable(string(document))
}

// compare returns the fields with different values.
func compare(scenario string, sdk, kit observation) []difference {
	names := map[string]bool{}
	for _, o := range []observation{sdk, kit} {
		for field := range o {
			names[field] = true
		}
	}
	var found []difference
	for _, field := range slices.Sorted(maps.Keys(names)) {
		if a, b := sdk.get(field), kit.get(field); a != b && !follows(field, sdk, kit) {
			found = append(found, difference{scenario + "/" + field, a, b})
		}
	}
	return found
}

// follows reports whether the difference of a field follows from another one: if one
// side made no call, the headers of the calls differ, too.
func follows(field string, sdk, kit observation) bool {
	return field == "headers" && (sdk.get("calls") == none || kit.get("calls") == none)
}

// checkDifferences returns the contradictions between the differences found and the
// documented ones.
func checkDifferences(found []difference, rows []row) []string {
	var faults []string
	documented := map[string]row{}
	for _, r := range rows {
		if _, twice := documented[r.key]; twice {
			faults = append(faults, r.key+": two rows")
		}
		documented[r.key] = r
	}
	for _, d := range found {
		r, ok := documented[d.key]
		switch {
		case !ok:
			faults = append(faults, "a difference without a row:\n"+d.line())
		case r.difference != d:
			faults = append(faults, "a row with other values than\n"+d.line())
		}
		delete(documented, d.key)
	}
	for _, key := range slices.Sorted(maps.Keys(documented)) {
		faults = append(faults, key+": a row without a difference")
	}
	return faults
}

// line returns a difference as a line of the table without the reason.
func (d difference) line() string {
	return fmt.Sprintf("| `%s` | `%s` | `%s` | |", d.key, d.sdk, d.kit)
}

// of returns the rows of one scenario.
func of(scenario string, rows []row) []row {
	var own []row
	for _, r := range rows {
		if name, _, _ := strings.Cut(r.key, "/"); name == scenario {
			own = append(own, r)
		}
	}
	return own
}
