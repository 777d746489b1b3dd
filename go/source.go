package oaktree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// ErrSourceChanged: what an upload reads changed meanwhile, or has not as many bytes as was said.
var ErrSourceChanged = errors.New("oaktree: the source changed while it was read")

// A Source is where an upload takes its bytes from: [File], [OpenFile], [Reader] or [Bytes].
type Source struct {
	open func(context.Context) (*content, error)
}

// content is a source that is open.
type content struct {
	size int64
	// from reads what is there from an offset on. What can be read only once is at its offset by then.
	from func(offset int64) (io.Reader, error)
	// Whether it can be read again, and several parts of it at a time.
	isRepeatable, isParallel bool
	// When it last changed, where that is worth noting; else zero.
	modified time.Time
	// unchanged says whether it is still what it was. It is asked when all has been read.
	unchanged func() error
	close     func() error
	// Whether anything has been read.
	isBegun bool
}

func nothing() error { return nil }

// File is a source that reads the regular file of that path. A file that changes meanwhile is an
// [ErrSourceChanged].
func File(path string) Source {
	return Source{func(context.Context) (*content, error) { return openFile(path, os.Stat) }}
}

// openFile opens the regular file that stat finds.
func openFile(path string, stat func(string) (fs.FileInfo, error)) (*content, error) {
	// Before it is opened: a pipe would wait for whoever writes into it.
	info, err := stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "upload", Path: path, Err: irregular(info)}
	}
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	made, err := ofFile(file, 0)
	if err == nil {
		if opened, failed := file.Stat(); failed != nil || !os.SameFile(info, opened) {
			err = fmt.Errorf("%w: %s", ErrSourceChanged, path)
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	made.close, made.modified = file.Close, info.ModTime()
	return made, nil
}

func irregular(info fs.FileInfo) error {
	if info.IsDir() {
		return errors.New("is a directory")
	}
	return errors.New("is no regular file")
}

// ofFile is an open regular file from an offset on.
func ofFile(file *os.File, offset int64) (*content, error) {
	before, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "upload", Path: file.Name(), Err: irregular(before)}
	}
	size := max(before.Size()-offset, 0)
	made := ofReaderAt(file, offset, size)
	made.unchanged = func() error {
		now, err := file.Stat()
		if err == nil && (now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime())) {
			err = fmt.Errorf("%w: %s", ErrSourceChanged, file.Name())
		}
		return err
	}
	return made, nil
}

func ofReaderAt(from io.ReaderAt, base, size int64) *content {
	return &content{
		size: size,
		from: func(offset int64) (io.Reader, error) {
			return io.NewSectionReader(from, base+offset, size-offset), nil
		},
		isRepeatable: true,
		isParallel:   true,
		unchanged:    nothing,
		close:        nothing,
	}
}

// OpenFile is a source that reads an open file from where it is to its end, and leaves it open and
// where it is. What is no regular file is read as by [Reader].
func OpenFile(file *os.File) Source {
	return Source{func(ctx context.Context) (*content, error) {
		info, err := file.Stat()
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return Reader(file, -1).open(ctx)
		}
		offset, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		return ofFile(file, offset)
	}}
}

// Bytes is a source that holds its bytes.
func Bytes(content []byte) Source {
	return Reader(bytes.NewReader(content), int64(len(content)))
}

// Reader is a source that reads so many bytes; more or fewer are an [ErrSourceChanged]. With a
// negative size it reads all there are; unless it is an [io.Seeker], they are put into a temporary file
// first, since a cloud has to be told how many will come.
//
// What is an [io.Seeker] is sent again by itself where oaktree is lost meanwhile, and what is an
// [io.ReaderAt] as well goes in several parts at a time where it is large. An upload that is cancelled
// waits for a Read that has begun.
func Reader(from io.Reader, size int64) Source {
	return Source{func(ctx context.Context) (*content, error) {
		seeker, ok := from.(io.Seeker)
		if ok {
			if base, err := seeker.Seek(0, io.SeekCurrent); err == nil {
				return ofSeeker(from, seeker, base, size)
			}
		}
		if size < 0 {
			return spooled(ctx, from)
		}
		return inOrder(from, size), nil
	}}
}

func ofSeeker(from io.Reader, seeker io.Seeker, base, size int64) (*content, error) {
	end, err := seeker.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = seeker.Seek(base, io.SeekStart)
	}
	if err != nil {
		return nil, err
	}
	there := max(end-base, 0)
	if size >= 0 && size != there {
		return nil, fmt.Errorf("%w: it has %d bytes and not %d", ErrSourceChanged, there, size)
	}
	if at, ok := from.(io.ReaderAt); ok {
		return ofReaderAt(at, base, there), nil
	}
	made := inOrder(from, there)
	made.isRepeatable = true
	made.from = func(offset int64) (io.Reader, error) {
		_, err := seeker.Seek(base+offset, io.SeekStart)
		return from, err
	}
	return made, nil
}

// inOrder is what is read from its beginning to its end.
func inOrder(from io.Reader, size int64) *content {
	return &content{
		size: size,
		from: func(int64) (io.Reader, error) { return from, nil },
		unchanged: func() error {
			var more [1]byte
			switch _, err := io.ReadFull(from, more[:]); {
			case err == nil:
				return fmt.Errorf("%w: it has more than %d bytes", ErrSourceChanged, size)
			case errors.Is(err, io.EOF):
				return nil
			default:
				return err
			}
		},
		close: nothing,
	}
}

// spooled is a temporary file of all there is to read.
func spooled(ctx context.Context, from io.Reader) (*content, error) {
	file, err := os.CreateTemp("", "oaktree-upload-")
	if err != nil {
		return nil, err
	}
	end := func() error { return errors.Join(file.Close(), os.Remove(file.Name())) }
	size, err := io.Copy(file, reading{ctx, from})
	if err != nil {
		return nil, errors.Join(err, end())
	}
	made := ofReaderAt(file, 0, size)
	made.close = end
	return made, nil
}

// reading ends when its context does.
type reading struct {
	ctx context.Context
	io.Reader
}

func (r reading) Read(into []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, cancelled(err)
	}
	return r.Reader.Read(into)
}

// section is a part of it; whether the whole is unchanged is for who reads all parts to ask.
func (c *content) section(offset, size int64) *content {
	return &content{
		size:         size,
		from:         func(at int64) (io.Reader, error) { return c.from(offset + at) },
		isRepeatable: c.isRepeatable,
		isParallel:   c.isParallel,
		unchanged:    nothing,
		close:        nothing,
	}
}

// hashed writes all of it into what hashes. It has to be repeatable.
func (c *content) hashed(ctx context.Context, into io.Writer) error {
	from, err := c.from(0)
	if err != nil {
		return err
	}
	c.isBegun = true
	count, err := io.CopyBuffer(into, reading{ctx, io.LimitReader(from, c.size)}, make([]byte, chunkBytes))
	if err == nil && count < c.size {
		err = c.short()
	}
	return err
}

// fill reads as many bytes as there have to be.
func (c *content) fill(from io.Reader, into []byte) error {
	c.isBegun = c.isBegun || len(into) > 0
	_, err := io.ReadFull(from, into)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return c.short()
	}
	return err
}

// short is the error of a source that ends too early.
func (c *content) short() error {
	return fmt.Errorf("%w: it has fewer than %d bytes", ErrSourceChanged, c.size)
}
