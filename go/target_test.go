//go:build unix

package oaktree_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	oaktree "opendev.org/openstack/oaktree/go"
)

// downloaded gets some bytes into a file.
func downloaded(t testing.TB, path string, content []byte) error {
	t.Helper()
	ctx, f, client := start(t)
	f.answer("DownloadImage", reply(sends(content, content)...))
	_, err := client.Images.Download(ctx, oaktree.ToFile(path), wants("debian"))
	return err
}

// withUmask has new files lack these permissions for the length of a test.
func withUmask(t testing.TB, mask int) {
	before := syscall.Umask(mask)
	t.Cleanup(func() { syscall.Umask(before) })
}

func modeOf(t testing.TB, path string) fs.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	fine(t, err)
	return info.Mode()
}

func TestAReplacedFileKeepsItsPermissions(t *testing.T) {
	withUmask(t, 0o022)
	for _, mode := range []fs.FileMode{0o600, 0o666, 0o400} {
		path := filepath.Join(t.TempDir(), "image")
		fine(t, os.WriteFile(path, []byte("before"), 0o600))
		fine(t, os.Chmod(path, mode))
		fine(t, downloaded(t, path, []byte("after")))
		holds(t, path, []byte("after"))
		same(t, modeOf(t, path), mode)
	}
	path := filepath.Join(t.TempDir(), "image")
	fine(t, downloaded(t, path, nil))
	same(t, modeOf(t, path), 0o644)
}

// Before all is there, it is as private as it will be.
func TestHalfOfAPrivateFileIsPrivate(t *testing.T) {
	withUmask(t, 0)
	path := filepath.Join(t.TempDir(), "image")
	fine(t, os.WriteFile(path, []byte("before"), 0o600))
	var mode fs.FileMode
	defer oaktree.SetSyncFile(func(file *os.File) error {
		info, err := file.Stat()
		mode = info.Mode()
		return err
	})()
	fine(t, downloaded(t, path, []byte("after")))
	same(t, mode, 0o600)
}

func TestWhatALinkLeadsToIsReplaced(t *testing.T) {
	for name, isThere := range map[string]bool{"a file": true, "nothing yet": false} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			far := filepath.Join(folder, "far", "away")
			fine(t, os.MkdirAll(far, 0o700))
			file := filepath.Join(folder, "far", "file")
			if isThere {
				fine(t, os.WriteFile(file, []byte("before"), 0o600))
			}
			// What .. is after a link is not what it is in the path.
			fine(t, os.Symlink(far, filepath.Join(folder, "near")))
			fine(t, os.Symlink("../file", filepath.Join(far, "second")))
			first := filepath.Join(folder, "first")
			fine(t, os.Symlink("near/second", first))
			fine(t, downloaded(t, first, []byte("after")))
			are(t, contents(t, folder), map[string]string{"far/file": "after"})
			same(t, modeOf(t, first).Type(), fs.ModeSymlink)
		})
	}
}

func TestLinksInACircleAreNotReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "link")
	fine(t, os.Symlink("link", path))
	if err := downloaded(t, path, nil); !errors.Is(err, syscall.ELOOP) {
		t.Fatal(err)
	}
	same(t, modeOf(t, path).Type(), fs.ModeSymlink)
}

// One file is on the disk before it replaces another; one that cannot be is an error.
func TestAFileIsSynced(t *testing.T) {
	for _, fails := range []error{nil, syscall.EIO} {
		path := filepath.Join(t.TempDir(), "image")
		fine(t, os.WriteFile(path, []byte("before"), 0o600))
		var synced []byte
		restore := oaktree.SetSyncFile(func(file *os.File) error {
			before, err := os.ReadFile(path)
			fine(t, err)
			same(t, string(before), "before")
			synced, err = os.ReadFile(file.Name())
			fine(t, err)
			return fails
		})
		err := downloaded(t, path, []byte("after"))
		restore()
		if !errors.Is(err, fails) {
			t.Fatal(err)
		}
		same(t, string(synced), "after")
		if fails != nil {
			holds(t, path, []byte("before"))
			continue
		}
		holds(t, path, []byte("after"))
	}
}
