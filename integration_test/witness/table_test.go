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

// tablePath is where the differences are written down.
var tablePath = filepath.Join("..", "..", "docs", "compat.md")

// difference is a field whose value is not the same on both sides. Its key is
// "scenario/field".
type difference struct{ key, sdk, kit string }

// row is a difference that is written down.
type row struct{ difference }

// cells are the columns of a line of the table: keys, both values, reason.
const cells = 4

var code = regexp.MustCompile("`([^`]+)`")

// tableHead is how the head of a table of differences begins. Tables with
// another head are not about differences.
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

// expand returns the keys that a key with a list stands for, as a shell does:
// "a-{b,c}/d" stands for "a-b/d" and "a-c/d".
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

// value returns what a cell says.
func value(cell string) string { return strings.Trim(strings.TrimSpace(cell), "`") }

func readTableFile() ([]row, error) {
	document, err := os.ReadFile(tablePath)
	if err != nil {
		return nil, err
	}
	return readTable(string(document))
}

// compare returns the fields in which two observations differ.
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

// follows reports whether the difference of a field only repeats another: of
// two sides, one of which made no call, the headers of the calls differ.
func follows(field string, sdk, kit observation) bool {
	return field == "headers" && (sdk.get("calls") == none || kit.get("calls") == none)
}

// judge returns what is wrong between what was found and what is written
// down: nothing, where they say the same.
func judge(found []difference, rows []row) []string {
	var faults []string
	written := map[string]row{}
	for _, r := range rows {
		if _, twice := written[r.key]; twice {
			faults = append(faults, r.key+": two rows")
		}
		written[r.key] = r
	}
	for _, d := range found {
		r, ok := written[d.key]
		switch {
		case !ok:
			faults = append(faults, "a difference without a row:\n"+d.line())
		case r.difference != d:
			faults = append(faults, "a row with other values than\n"+d.line())
		}
		delete(written, d.key)
	}
	for _, key := range slices.Sorted(maps.Keys(written)) {
		faults = append(faults, key+": a row without a difference")
	}
	return faults
}

// line returns a difference as a line of the table, but for the reason.
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
