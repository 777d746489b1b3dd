package oaktree_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	oaktree "opendev.org/openstack/oaktree/go"
)

func TestADirectoryIsDownloaded(t *testing.T) {
	for name, isStraight := range map[string]bool{"straight": true, "through oaktree": false} {
		t.Run(name, func(t *testing.T) {
			ctx, s, client := withStore(t)
			if isStraight {
				s.straightTo(t)
			}
			for path, content := range files() {
				s.put("p/"+path, []byte(content))
			}
			s.put("q", nil)
			s.put("p/empty/", nil)
			folder := filepath.Join(t.TempDir(), "new", "folder")
			var last oaktree.Progress
			options := oaktree.DownloadDirectoryOptions{Prefix: "p", OnProgress: func(p oaktree.Progress) { last = p }}
			options.DryRun = true
			result, err := oaktree.DownloadDirectory(ctx, client.Scope, "c", folder, options)
			fine(t, err)
			same(t, result.Sent, len(files()))
			if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			options.DryRun = false
			result, err = oaktree.DownloadDirectory(ctx, client.Scope, "c", folder, options)
			fine(t, err)
			are(t, contents(t, folder), files())
			same(t, last.SentBytes, last.TotalBytes)
			same(t, last.SentBytes, result.SentBytes)
			info, err := os.Stat(filepath.Join(folder, "empty"))
			fine(t, err)
			same(t, info.IsDir(), true)
			fine(t, os.WriteFile(filepath.Join(folder, "a.b"), []byte("other."), 0o600))
			fine(t, os.WriteFile(filepath.Join(folder, "mine"), nil, 0o600))
			options.Ignore = []string{"big"}
			result, err = oaktree.DownloadDirectory(ctx, client.Scope, "c", folder, options)
			fine(t, err)
			same(t, counts(result), fmt.Sprintf("sent 1 (6 bytes), skipped %d, deleted 0, failed 0, left out []", len(files())-2))
			want := files()
			want["mine"] = ""
			are(t, contents(t, folder), want)
			if isStraight {
				same(t, s.signs, 2)
			}
		})
	}
}

func TestNothingIsWrittenOutsideOfADirectory(t *testing.T) {
	ctx, s, client := withStore(t)
	above := t.TempDir()
	folder := filepath.Join(above, "folder")
	fine(t, os.Mkdir(folder, 0o700))
	fine(t, os.WriteFile(filepath.Join(above, "outside"), []byte("before"), 0o600))
	fine(t, os.Symlink("..", filepath.Join(folder, "up")))
	fine(t, os.Symlink("../outside", filepath.Join(folder, "link")))
	fine(t, os.Symlink("../new", filepath.Join(folder, "nowhere")))
	fine(t, os.Symlink("good", filepath.Join(folder, "within")))
	bad := []string{"../evil", "/etc/evil", "a/../../evil", "a//b", "./a", "a/.", "up/evil", "nul\x00", "..", "/", "good/x", "link", "nowhere"}
	for _, name := range bad {
		s.put(name, []byte("evil"))
	}
	s.put("good", []byte("1"))
	s.put("within", []byte("2"))
	for _, isDry := range []bool{true, false} {
		options := oaktree.DownloadDirectoryOptions{Parallel: 1, DryRun: isDry}
		result, err := oaktree.DownloadDirectory(ctx, client.Scope, "c", folder, options)
		expected := len(bad)
		if isDry {
			// Of good/x: what is not there yet cannot be in the way.
			expected--
		}
		var failed *oaktree.FilesFailed
		if !errors.As(err, &failed) || len(failed.Failed) != expected {
			t.Fatal(err, result)
		}
		same(t, result.Sent, len(bad)+2-expected)
	}
	// What a link leads to is left alone; one that stays within is a file now.
	are(t, contents(t, folder), map[string]string{"good": "1", "within": "2"})
	are(t, contents(t, above), map[string]string{"outside": "before", "folder/good": "1", "folder/within": "2"})
	for _, link := range []string{"link", "nowhere"} {
		_, err := os.Readlink(filepath.Join(folder, link))
		fine(t, err)
	}
}

func TestWrongBytesBecomeNoFileOfADirectory(t *testing.T) {
	ctx, s, client := withStore(t)
	there := s.straightTo(t)
	s.put("a", []byte("right"))
	s.put("b", []byte("right"))
	there.kept["/c/a"] = []byte("wrong")
	s.objects["gone"] = nil
	folder := t.TempDir()
	result, err := oaktree.DownloadDirectory(ctx, client.Scope, "c", folder, oaktree.DownloadDirectoryOptions{})
	fine(t, err)
	same(t, result.Sent, 3)
	are(t, contents(t, folder), map[string]string{"a": "right", "b": "right", "gone": ""})
	for _, request := range there.requests() {
		if !strings.HasPrefix(request, "GET /c/") {
			t.Fatal(request)
		}
	}
}

// A ticket for a whole container has no prefix, and is for several objects all the same.
func TestAWholeContainerGoesStraight(t *testing.T) {
	ctx, s, client := withStore(t)
	there := s.straightTo(t)
	_, err := oaktree.UploadDirectory(ctx, client.Scope, tree(t, files()), "c", oaktree.UploadDirectoryOptions{})
	fine(t, err)
	same(t, len(s.sent), 0)
	are(t, s.all(), files())
	for name, content := range s.all() {
		s.objects[name] = content
	}
	folder := t.TempDir()
	_, err = oaktree.DownloadDirectory(ctx, client.Scope, "c", folder, oaktree.DownloadDirectoryOptions{})
	fine(t, err)
	are(t, contents(t, folder), files())
	same(t, s.signs, 2)
	gets := 0
	for _, asked := range there.requests() {
		if strings.HasPrefix(asked, "GET /c/") {
			gets++
		}
	}
	if gets < len(files()) {
		t.Fatal(there.requests())
	}
}

func TestOfTwoObjectsOfOneFileTheSecondFails(t *testing.T) {
	for name, one := range map[string]struct {
		prefix  string
		objects []string
		folds   bool
		// Which files come, by the object, and which fail.
		want   map[string]string
		failed string
	}{
		"a prefix that is a folder or not": {"photos", []string{"photos/a", "photosa"}, false, map[string]string{"a": "photos/a"}, "a"},
		"a prefix that is a folder":        {"photos/", []string{"photos/a", "photos/b"}, false, map[string]string{"a": "photos/a", "b": "photos/b"}, ""},
		"a directory that folds cases":     {"", []string{"B/\u00c4", "b/\u00e4"}, true, map[string]string{"B/\u00c4": "B/\u00c4"}, "b/\u00e4"},
		"one that does not":                {"", []string{"A", "a"}, false, map[string]string{"A": "A", "a": "a"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, s, client := withStore(t)
			for _, object := range one.objects {
				s.put(object, []byte(object))
			}
			if one.folds {
				defer oaktree.SetFoldsCases()()
			}
			folder := t.TempDir()
			result, err := oaktree.DownloadDirectory(ctx, client.Scope, "c", folder, oaktree.DownloadDirectoryOptions{Prefix: one.prefix})
			are(t, contents(t, folder), one.want)
			same(t, result.Sent, len(one.want))
			if one.failed == "" {
				fine(t, err)
				return
			}
			var failed *oaktree.FilesFailed
			if !errors.As(err, &failed) || len(failed.Failed) != 1 {
				t.Fatal(err)
			}
			same(t, failed.Failed[0].Path, one.failed)
		})
	}
}
