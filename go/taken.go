package oaktree

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/text/cases"
)

// taken is which object each file is of, where two names may mean one file.
type taken struct {
	// Nil where each name has a file of its own: there may be very many.
	first      map[string]string
	foldsCases bool
}

// newTaken makes one of a directory. Names are cut where several of them may become the same path.
func newTaken(root *os.Root, areCut bool) (*taken, error) {
	folds, err := foldsCases(root)
	if err != nil {
		return nil, err
	}
	made := &taken{foldsCases: folds}
	if areCut || folds {
		made.first = map[string]string{}
	}
	return made, nil
}

// take notes that a path is of an object; an error if its file is another's.
func (t *taken) take(path, object string) error {
	if t.first == nil {
		return nil
	}
	if t.foldsCases {
		path = cases.Fold().String(path)
	}
	first, ok := t.first[path]
	if ok && first != object {
		return fmt.Errorf("it is the same file here as that of the object %q", first)
	}
	t.first[path] = object
	return nil
}

// foldsCases tells whether a directory takes a and A for the same name. Tests change it.
var foldsCases = func(root *os.Root) (bool, error) {
	if root == nil {
		return false, nil
	}
	probe := halfName()
	file, err := root.OpenFile(probe, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, err
	}
	_, missing := root.Lstat(strings.ToUpper(probe))
	return missing == nil, errors.Join(file.Close(), root.Remove(probe))
}
