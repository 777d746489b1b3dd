package oaktree

import (
	"io"
	"os"
)

// readPrivate reads a file that holds a secret, which nobody but this user, or root, may have
// written, and nobody else may read.
func readPrivate(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(path, info); err != nil {
		return nil, err
	}
	return io.ReadAll(file)
}
