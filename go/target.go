package oaktree

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"
)

// A Target is where a download puts its bytes: [ToFile] or [Writer].
type Target struct {
	open func() (*sink, error)
}

// sink is a target that is open.
type sink struct {
	io.Writer
	// keep is for when all is there, and right.
	keep func() error
	// drop leaves nothing; after keep it does nothing.
	drop func()
}

// Writer is a target that is written to as the bytes come. Only the download's end tells whether
// they were right.
func Writer(to io.Writer) Target {
	return Target{func() (*sink, error) {
		return &sink{to, nothing, func() {}}, nil
	}}
}

// ToFile is a target that is a file of that path, in a directory that exists. What was there before
// stays until the new file is complete and verified; its permissions stay. Of a symbolic link, what
// it leads to is replaced.
func ToFile(path string) Target {
	return Target{func() (*sink, error) {
		directory, name := filepath.Split(followed(path))
		if directory == "" {
			directory = "."
		}
		root, err := os.OpenRoot(directory)
		if err != nil {
			return nil, err
		}
		made, err := fileIn(root, name, syncFile)
		if err != nil {
			return nil, errors.Join(err, root.Close())
		}
		drop := made.drop
		made.drop = func() {
			drop()
			_ = root.Close()
		}
		return made, nil
	}}
}

// As many links as systems follow before they take them for a circle.
const mostLinks = 40

// followed is where a path leads by symbolic links, be there something or not. What leads in a circle
// is still a link then.
func followed(path string) string {
	for range mostLinks {
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			// Not cleaned: what .. is after a link, only the system knows.
			directory, _ := filepath.Split(path)
			to = directory + to
		}
		path = to
	}
	return path
}

// syncFile has a file outlast a loss of power. Tests change it.
var syncFile = (*os.File).Sync

// replaced is the file that is there by a name below a folder; nil if none is. What cannot be replaced
// is an error: what is no file, and a link that leads out of the folder.
func replaced(root *os.Root, name string) (fs.FileInfo, error) {
	why := errors.New("is no name of a file")
	if name != "" {
		info, err := root.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil || info.Mode().IsRegular() {
			return info, err
		}
		why = irregular(info)
	}
	return nil, &fs.PathError{Op: "download", Path: filepath.Join(root.Name(), name), Err: why}
}

// fileIn is a sink that becomes the file of a name below a folder, and never anything elsewhere.
// Before it does, finish is called.
func fileIn(root *os.Root, name string, finish func(*os.File) error) (*sink, error) {
	before, err := replaced(root, name)
	if err != nil {
		return nil, err
	}
	mode := fs.FileMode(0o666)
	if before != nil {
		mode = before.Mode().Perm()
	}
	half := filepath.Join(filepath.Dir(name), halfName())
	file, err := root.OpenFile(half, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, err
	}
	isKept := false
	made := &sink{
		Writer: file,
		keep: func() error {
			err := finish(file)
			if err == nil {
				err = file.Close()
			}
			if err == nil {
				err = root.Rename(half, name)
			}
			isKept = err == nil
			return err
		},
		drop: func() {
			if !isKept {
				_ = file.Close()
				_ = root.Remove(half)
			}
		},
	}
	if before != nil {
		// At once: who may not read the old file is not to read half of the new one. The umask may
		// have taken something away.
		if err := file.Chmod(mode); err != nil {
			made.drop()
			return nil, err
		}
	}
	return made, nil
}

// halfName is that of a file which is not complete.
func halfName() string {
	return ".oaktree-" + uuid.NewString()
}
