package oaktree

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// found is a file of a directory.
type found struct {
	// Below the directory, with slashes.
	path string
	// When it was found.
	size int64
}

// scan is a walk through a directory. Nothing is kept of what was told, so that there may be any number
// of files.
type scan struct {
	directory string
	ignored   ignored
	// Whether symbolic links are followed.
	follows bool
	tally   *tally
	// Whether something could not be read.
	isIncomplete bool
}

// stat is what a path leads to, by the rule for symbolic links.
func (s *scan) stat(path string) (fs.FileInfo, error) {
	if s.follows {
		return os.Stat(path)
	}
	return os.Lstat(path)
}

// files yields the files in the order of their paths' bytes, as a plan wants them. An error is of the
// directory itself.
func (s *scan) files() iter.Seq2[found, error] {
	return func(yield func(found, error) bool) {
		// What it is called may be a symbolic link, whatever is done with those in it.
		info, err := os.Stat(s.directory)
		if err == nil && !info.IsDir() {
			err = &fs.PathError{Op: "upload", Path: s.directory, Err: errors.New("is no directory")}
		}
		var entries []fs.DirEntry
		if err == nil {
			entries, err = os.ReadDir(s.directory)
		}
		if err != nil {
			yield(found{}, err)
			return
		}
		s.walk("", entries, []fs.FileInfo{info}, func(one found) bool { return yield(one, nil) })
	}
}

// walk goes through what is in a folder; above are the folders that lead there. It says whether to go
// on.
func (s *scan) walk(folder string, entries []fs.DirEntry, above []fs.FileInfo, yield func(found) bool) bool {
	type named struct {
		name string
		info fs.FileInfo
	}
	var all []named
	for _, entry := range entries {
		path := folder + entry.Name()
		if !utf8.ValidString(path) {
			s.fail(strings.ToValidUTF8(path, "\uFFFD"), fmt.Errorf("the name %q is not UTF-8, as objects' names are", path))
			continue
		}
		info, err := s.stat(filepath.Join(s.directory, filepath.FromSlash(path)))
		if err != nil {
			if !s.ignored.has(path, false) {
				s.fail(path, err)
			}
			continue
		}
		name := entry.Name()
		if info.IsDir() {
			// So its files come where they do among all paths.
			name += "/"
		}
		all = append(all, named{name, info})
	}
	slices.SortFunc(all, func(one, other named) int { return cmp.Compare(one.name, other.name) })
	for _, one := range all {
		path, isDirectory := strings.CutSuffix(folder+one.name, "/")
		switch {
		case s.ignored.has(path, isDirectory):
		case isDirectory:
			if !s.enter(path, one.info, above, yield) {
				return false
			}
		case !one.info.Mode().IsRegular():
			s.tally.leftOut(path)
		case !yield(found{path, one.info.Size()}):
			return false
		}
	}
	return true
}

func (s *scan) enter(path string, info fs.FileInfo, above []fs.FileInfo, yield func(found) bool) bool {
	if slices.ContainsFunc(above, func(one fs.FileInfo) bool { return os.SameFile(one, info) }) {
		// A link that leads back to where it is.
		s.tally.leftOut(path)
		return true
	}
	entries, err := os.ReadDir(filepath.Join(s.directory, filepath.FromSlash(path)))
	if err != nil {
		s.fail(path, err)
		return true
	}
	return s.walk(path+"/", entries, append(above[:len(above):len(above)], info), yield)
}

func (s *scan) fail(path string, err error) {
	s.isIncomplete = true
	// No error of a file system is one that befalls every file.
	_ = s.tally.failed(path, err)
}

// isLeftOut tells whether an object's path is one that no file could be of.
func (s *scan) isLeftOut(path string) bool {
	return s.ignored.holds(path) || slices.ContainsFunc(s.tally.result.LeftOut, func(one string) bool {
		return path == one || strings.HasPrefix(path, one+"/")
	})
}
