package oaktree_test

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	oaktree "opendev.org/openstack/oaktree/go"
)

func TestTicketsOfADirectoryAreRenewedAndGivenUp(t *testing.T) {
	for name, one := range map[string]struct {
		instead func(http.ResponseWriter, *http.Request) bool
		sent    int
	}{
		"expired once": {func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.RawQuery == "sig=1" {
				w.WriteHeader(http.StatusUnauthorized)
			}
			return r.URL.RawQuery == "sig=1"
		}, 0},
		"refused": {func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusForbidden)
			return true
		}, len(files())},
		"broken off": {func(_ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.CopyN(io.Discard, r.Body, 1)
			panic(http.ErrAbortHandler)
		}, len(files())},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, s, client := withStore(t)
			s.straightTo(t).do(one.instead)
			_, err := oaktree.UploadDirectory(ctx, client.Scope, tree(t, files()), "c", oaktree.UploadDirectoryOptions{})
			fine(t, err)
			are(t, s.all(), files())
			same(t, len(s.sent), one.sent)
		})
	}
}

// before does something before each request.
type before func() error

func (b before) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := b(); err != nil {
		return nil, err
	}
	return http.DefaultTransport.RoundTrip(r)
}

// What is sent is not hashed again: it is the cloud that finds it.
func TestAFileThatChangesUnseenGoesThroughOaktree(t *testing.T) {
	content := noise(2*chunk + 1)
	other := append([]byte{1}, content[1:]...)
	folder := tree(t, map[string]string{"a": string(content)})
	path := filepath.Join(folder, "a")
	info, err := os.Stat(path)
	fine(t, err)
	f := newFake(t)
	s := newStore(f)
	there := s.straightTo(t)
	client := connect(t, f.addr, oaktree.WithHTTPClient(&http.Client{Transport: before(func() error {
		return errors.Join(os.WriteFile(path, other, 0o600), os.Chtimes(path, info.ModTime(), info.ModTime()))
	})}))
	_, err = oaktree.UploadDirectory(bounded(t), client.Scope, folder, "c", oaktree.UploadDirectoryOptions{})
	fine(t, err)
	are(t, s.all(), map[string]string{"a": string(other)})
	same(t, len(there.requests()), 1)
	same(t, len(s.sent), 1)
}
