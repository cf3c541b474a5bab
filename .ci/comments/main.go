// Command comments counts vague subjects in the comments of Go files: a sentence
// that starts with "what", "who", "whoever" or "nobody", and the words "who",
// "whoever", "whom", "nobody", "somebody" and "anybody" anywhere. A comment
// should name its subject.
//
// It reads the names of files from standard input, prints each finding, and fails
// if there are more than the limit. A line of the file of exceptions is
//
//	FILE: PHRASE # REASON
//
// and excuses the findings in the comments of that file that contain the phrase.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os"
	"regexp"
	"strings"
)

// vague matches a word that hides the subject of a sentence. A sentence starts at
// the start of a comment or after the end of another sentence.
var vague = regexp.MustCompile(`(?i)(?:^|[.!?]["”)]?\s)(?:what|who|whoever|nobody)\b|\b(?:who|whoever|whom|nobody|somebody|anybody)\b`)

// exception excuses findings in comments of file that contain phrase.
type exception struct {
	file, phrase string
	used         bool
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("comments: ")
	limit := flag.Int("limit", 10, "how many findings are accepted")
	path := flag.String("exceptions", "", "file of exceptions")
	flag.Parse()
	if err := run(*limit, *path); err != nil {
		log.Fatal(err)
	}
}

func run(limit int, path string) error {
	exceptions, err := readExceptions(path)
	if err != nil {
		return err
	}
	var found []string
	for names := bufio.NewScanner(os.Stdin); names.Scan(); {
		list, err := check(names.Text(), exceptions)
		if err != nil {
			return err
		}
		found = append(found, list...)
	}
	for _, e := range exceptions {
		if !e.used {
			return fmt.Errorf("%s: the exception %q in %s excuses nothing", path, e.phrase, e.file)
		}
	}
	if len(found) > limit {
		fmt.Println(strings.Join(found, "\n"))
		return fmt.Errorf("%d vague subjects in comments, at most %d are accepted: name the subject", len(found), limit)
	}
	fmt.Printf("%d vague subjects in comments; at most %d are accepted\n", len(found), limit)
	return nil
}

func readExceptions(path string) ([]*exception, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list []*exception
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		rule, reason, explained := strings.Cut(line, " # ")
		file, phrase, ok := strings.Cut(rule, ": ")
		if !ok || !explained || strings.TrimSpace(reason) == "" {
			return nil, errors.New(path + ": a line is not FILE: PHRASE # REASON: " + line)
		}
		list = append(list, &exception{file: file, phrase: strings.TrimSpace(phrase)})
	}
	return list, nil
}

// check returns the findings in one file.
func check(name string, exceptions []*exception) (found []string, err error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, group := range parsed.Comments {
		for _, comment := range split(group) {
			text := strings.Join(strings.Fields(comment.text), " ")
			words := vague.FindAllString(text, -1)
			if len(words) == 0 || excused(name, text, exceptions) {
				continue
			}
			for _, word := range words {
				found = append(found, fmt.Sprintf("%s: %q in: %s", files.Position(comment.pos), strings.TrimLeft(word, `.!?"”) `), text))
			}
		}
	}
	return found, nil
}

// paragraph is a part of a comment between blank lines.
type paragraph struct {
	pos  token.Pos
	text string
}

func split(group *ast.CommentGroup) []paragraph {
	var list []paragraph
	open := false
	for _, comment := range group.List {
		line := strings.TrimPrefix(comment.Text, "//")
		switch {
		case strings.TrimSpace(line) == "":
			open = false
		case open:
			list[len(list)-1].text += "\n" + line
		default:
			list = append(list, paragraph{comment.Pos(), line})
			open = true
		}
	}
	return list
}

func excused(name, text string, exceptions []*exception) bool {
	excused := false
	for _, e := range exceptions {
		if e.file == name && strings.Contains(text, e.phrase) {
			e.used, excused = true, true
		}
	}
	return excused
}
