package oaktree

import (
	"errors"
	"fmt"
	"sync"
	"syscall"

	"google.golang.org/grpc/codes"
)

// How many files travel at a time, where nothing else is said.
const parallelFiles = 10

// A FileAction is what is done with a file of a directory.
type FileAction string

const (
	// FileSent: it is moved, in either direction.
	FileSent FileAction = "send"
	// FileSkipped: the same bytes are there.
	FileSkipped FileAction = "skip"
	// FileDeleted: an object is deleted that no file is of.
	FileDeleted FileAction = "delete"
)

// A FileStep is what was done with one file; in a dry run, what would be.
type FileStep struct {
	// Its path below the directory, with slashes.
	Path   string
	Action FileAction
	// Why, in words.
	Why string
	// How many bytes it has; of what is deleted it is not told.
	SizeBytes int64
}

// A FileError is why a file was not moved.
type FileError struct {
	// Its path below the directory, with slashes. Empty where it is about none alone.
	Path string
	Err  error
}

// Error tells the path and the error.
func (f *FileError) Error() string {
	if f.Path == "" {
		return f.Err.Error()
	}
	return f.Path + ": " + f.Err.Error()
}

// Unwrap is the error without the path.
func (f *FileError) Unwrap() error { return f.Err }

// A DirectoryResult is what became of a directory; of a dry run, what would have.
type DirectoryResult struct {
	// How many files were moved, were there already with the same bytes, and how many objects were
	// deleted that no file is of.
	Sent, Skipped, Deleted int
	// How many bytes the files have that were moved.
	SentBytes int64
	// The files that were not moved, though they were to be.
	Failed []*FileError
	// The paths of symbolic links and of what is neither a file nor a directory, which are not moved.
	LeftOut []string
}

// FilesFailed is the error of a directory of which not everything was moved; the rest was. It does not
// unwrap to the failures: that one file is not there does not make the directory one that is not.
type FilesFailed struct {
	// The error of each that failed, at least one.
	Failed []*FileError
}

// Error tells the first failure and how many there are.
func (f *FilesFailed) Error() string {
	if len(f.Failed) == 1 {
		return f.Failed[0].Error()
	}
	return fmt.Sprintf("%d files failed, the first: %v", len(f.Failed), f.Failed[0])
}

// tally counts into a result. It is safe for concurrent use.
type tally struct {
	mu     sync.Mutex
	result DirectoryResult
	onStep func(FileStep)
}

// did says what was done.
func (t *tally) did(step FileStep) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch step.Action {
	case FileSent:
		t.result.Sent++
		t.result.SentBytes += step.SizeBytes
	case FileSkipped:
		t.result.Skipped++
	case FileDeleted:
		t.result.Deleted++
	}
	if t.onStep != nil {
		t.onStep(step)
	}
}

// failed notes a failure. It returns what is no fault of this file alone: that ends everything.
func (t *tally) failed(path string, err error) error {
	if isHopeless(err) {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Failed = append(t.result.Failed, &FileError{Path: path, Err: err})
	return nil
}

func (t *tally) leftOut(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.LeftOut = append(t.result.LeftOut, path)
}

// end is the result, and the error that tells of it.
func (t *tally) end(err error) (*DirectoryResult, error) {
	if err == nil && t.result.Failed != nil {
		err = &FilesFailed{t.result.Failed}
	}
	return &t.result, err
}

// isHopeless tells whether what befell one file would befall every other.
func isHopeless(err error) bool {
	for _, kind := range []error{
		ErrCancelled, ErrDeadlineExceeded, ErrPermissionDenied, ErrQuotaExceeded, ErrUnauthenticated,
		ErrUnavailable, ErrUnimplemented, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// within is how many files travel at a time.
func within(parallel int) (int, error) {
	if parallel < 0 {
		return 0, &Error{Message: fmt.Sprintf("%d files at a time are asked for", parallel), Code: codes.InvalidArgument}
	}
	if parallel == 0 {
		return parallelFiles, nil
	}
	return parallel, nil
}
