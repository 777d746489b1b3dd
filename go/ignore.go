package oaktree

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"
)

// ignored are the paths that patterns in the words of .gitignore mean. The last pattern that fits
// decides; what is in a directory that is left out is left out, too.
type ignored []ignoring

type ignoring struct {
	fits *regexp.Regexp
	// Begins with an exclamation mark: what fits is not left out after all.
	isKept          bool
	onlyDirectories bool
}

func newIgnored(patterns []string) (ignored, error) {
	var made ignored
	for _, pattern := range patterns {
		text := strings.TrimSuffix(pattern, "\n")
		for strings.HasSuffix(text, " ") && !strings.HasSuffix(text, `\ `) {
			text = text[:len(text)-1]
		}
		if text == "" || text[0] == '#' {
			continue
		}
		var one ignoring
		text, one.isKept = strings.CutPrefix(text, "!")
		text, one.onlyDirectories = strings.CutSuffix(text, "/")
		// With a slash anywhere but at its end it is of the whole path.
		isWhole := strings.Contains(text, "/")
		text = strings.TrimPrefix(text, "/")
		if !isWhole {
			text = "**/" + text
		}
		expression, err := regexp.Compile("(?s)^" + translated(text) + "$")
		if err != nil {
			return nil, &Error{Message: fmt.Sprintf("the pattern %q is none: %v", pattern, err), Code: codes.InvalidArgument}
		}
		one.fits = expression
		made = append(made, one)
	}
	return made, nil
}

// translated is a pattern as a regular expression.
func translated(text string) string {
	var made strings.Builder
	for len(text) > 0 {
		if rest, ok := strings.CutPrefix(text, "**/"); ok && (made.Len() == 0 || strings.HasSuffix(made.String(), "/")) {
			made.WriteString("(?:.*/)?")
			text = rest
			// What follows begins a step as well as what is behind a slash.
			for strings.HasPrefix(text, "**/") {
				text = text[len("**/"):]
			}
			continue
		}
		if text == "**" && strings.HasSuffix(made.String(), "/") {
			made.WriteString(".+")
			break
		}
		class := ""
		switch one := text[0]; one {
		case '*':
			made.WriteString("[^/]*")
			text = strings.TrimLeft(text, "*")
			continue
		case '?':
			made.WriteString("[^/]")
		case '[':
			class = classOf(text)
			made.WriteString(translatedClass(class))
		case '\\':
			if len(text) > 1 {
				text = text[1:]
			}
			made.WriteString(regexp.QuoteMeta(runeOf(text)))
		default:
			made.WriteString(regexp.QuoteMeta(runeOf(text)))
		}
		if class != "" {
			text = text[len(class):]
		} else {
			text = text[len(runeOf(text)):]
		}
	}
	return made.String()
}

// runeOf is the first character.
func runeOf(text string) string {
	for i := range text {
		if i > 0 {
			return text[:i]
		}
	}
	return text
}

// classOf is the class in brackets that a text begins with; empty if it never ends.
func classOf(text string) string {
	at := 1
	if at < len(text) && (text[at] == '!' || text[at] == '^') {
		at++
	}
	// A bracket that comes first is one of the class.
	if at < len(text) && text[at] == ']' {
		at++
	}
	for ; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case ']':
			return text[:at+1]
		}
	}
	return ""
}

func translatedClass(class string) string {
	if class == "" {
		// That is an error.
		return "["
	}
	inner := class[1 : len(class)-1]
	not := ""
	if inner[0] == '!' || inner[0] == '^' {
		not, inner = "^/", inner[1:]
	}
	inner = strings.NewReplacer(`\`, `\\`, `]`, `\]`, `[`, `\[`).Replace(strings.ReplaceAll(inner, `\`, ""))
	return "[" + not + inner + "]"
}

// has tells whether a path is left out by itself.
func (i ignored) has(path string, isDirectory bool) bool {
	isOut := false
	for _, one := range i {
		if isOut == one.isKept && (isDirectory || !one.onlyDirectories) && one.fits.MatchString(path) {
			isOut = !one.isKept
		}
	}
	return isOut
}

// holds tells whether a file's path is left out, or a directory that it is in.
func (i ignored) holds(path string) bool {
	if len(i) == 0 {
		return false
	}
	for at, one := range path {
		if one == '/' && i.has(path[:at], true) {
			return true
		}
	}
	return i.has(strings.TrimSuffix(path, "/"), strings.HasSuffix(path, "/"))
}
