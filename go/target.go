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
// stays until the new file is complete and verified.
func ToFile(path string) Target {
	return Target{func() (*sink, error) {
		directory, name := filepath.Split(path)
		if directory == "" {
			directory = "."
		}
		root, err := os.OpenRoot(directory)
		if err != nil {
			return nil, err
		}
		made, err := fileIn(root, name)
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

// fileIn is a sink that becomes the file of a name below a folder, and never anything elsewhere.
func fileIn(root *os.Root, name string) (*sink, error) {
	if info, err := root.Stat(name); name == "" || err == nil && !info.Mode().IsRegular() {
		why := errors.New("is no name of a file")
		if err == nil && name != "" {
			why = irregular(info)
		}
		return nil, &fs.PathError{Op: "download", Path: filepath.Join(root.Name(), name), Err: why}
	}
	half := filepath.Join(filepath.Dir(name), halfName())
	file, err := root.OpenFile(half, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	isKept := false
	return &sink{
		Writer: file,
		keep: func() error {
			err := file.Close()
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
	}, nil
}

// halfName is that of a file which is not complete.
func halfName() string {
	return ".oaktree-" + uuid.NewString()
}
