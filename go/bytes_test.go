package oaktree_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// noise is so many bytes, no two chunks of them alike.
func noise(count int) []byte {
	made := make([]byte, count)
	for i := range made {
		made[i] = byte(i>>16) ^ byte(i>>8)*31 ^ byte(i)*7
	}
	return made
}

func sha256Of(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func md5Of(content []byte) string {
	sum := md5.Sum(content)
	return hex.EncodeToString(sum[:])
}

// written is a file that holds this.
func written(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	fine(t, os.WriteFile(path, content, 0o600))
	return path
}

// received is what came in an upload's messages.
type received struct {
	bytes  bytes.Buffer
	sizes  []int
	finish *pb.UploadFinish
	err    error
	over   chan struct{}
}

func newReceived() *received { return &received{over: make(chan struct{})} }

// all is what came, once nothing more will.
func (r *received) all(t testing.TB) *received {
	t.Helper()
	select {
	case <-r.over:
	case <-time.After(bound):
		t.Fatal("the server does not see the upload end")
	}
	return r
}

// isBroken fails unless it was broken off.
func (r *received) isBroken(t testing.TB) {
	t.Helper()
	if r.all(t).err == nil || r.finish != nil {
		t.Fatal("the server was told that it was all sent")
	}
}

type uploadMessage interface {
	proto.Message
	GetChunk() []byte
	GetFinish() *pb.UploadFinish
}

func (r *received) take(message uploadMessage) {
	r.bytes.Write(message.GetChunk())
	r.sizes = append(r.sizes, len(message.GetChunk()))
	r.finish = message.GetFinish()
}

// rest says that the bytes are wanted, and takes the messages after the first, to the one that ends
// it.
func (r *received) rest(stream grpc.ServerStream, first proto.Message) error {
	return r.after(stream, first, wanted)
}

// after is rest, but says something else to begin with.
func (r *received) after(stream grpc.ServerStream, said, answer proto.Message) error {
	defer close(r.over)
	first := said.(uploadMessage)
	if r.err = stream.SendMsg(answer); r.err != nil {
		return r.err
	}
	for r.take(first); r.finish == nil; {
		next := first.ProtoReflect().New().Interface().(uploadMessage)
		if r.err = stream.RecvMsg(next); r.err != nil {
			return r.err
		}
		r.take(next)
	}
	return nil
}

var image = &pb.Image{Id: "1", Name: "debian", Status: "active"}

// images answers uploads of images: it says that bytes are wanted, takes them and makes the image of
// them. What it gives is what came in each upload, once that is over.
func images(f *fake, rounds int) []*received {
	var answers []answer
	var all []*received
	for range rounds {
		came := newReceived()
		all = append(all, came)
		answers = append(answers, answer{serve: func(stream grpc.ServerStream, first proto.Message) error {
			if err := came.rest(stream, first); err != nil {
				return err
			}
			return stream.SendMsg(&pb.UploadImageResponse{Image: image})
		}})
	}
	f.answer("UploadImage", answers...)
	return all
}

var wanted = &pb.UploadImageResponse{Progress: &pb.UploadProgress{}}

// cloud is what bytes go straight to: it keeps what is put, and gives it.
type cloud struct {
	*httptest.Server
	mu      sync.Mutex
	kept    map[string][]byte
	headers map[string]http.Header
	asked   []string
	// What to do in the place of that, if anything is to be done.
	instead func(http.ResponseWriter, *http.Request) bool
}

func newCloud(t testing.TB) *cloud {
	c := &cloud{kept: map[string][]byte{}, headers: map[string]http.Header{}}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.asked = append(c.asked, r.Method+" "+r.RequestURI)
	instead := c.instead
	c.mu.Unlock()
	if instead != nil && instead(w, r) {
		return
	}
	path := r.URL.Path
	if r.Method == http.MethodPut {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		sum := md5Of(content)
		if tag := r.Header.Get("Etag"); tag != "" && tag != sum {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.kept[path], c.headers[path] = content, r.Header
		w.Header().Set("Etag", sum)
		w.WriteHeader(http.StatusCreated)
		return
	}
	c.mu.Lock()
	content, ok := c.kept[path]
	c.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Etag", `"`+md5Of(content)+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

func (c *cloud) requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

func (c *cloud) do(instead func(http.ResponseWriter, *http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.instead = instead
}

// direct makes all but the smallest bytes go straight to the cloud for one test.
func direct(t testing.TB) {
	t.Cleanup(oaktree.SetDirectBytes(1))
}

// failsAs fails unless an error has this reason.
func failsAs(t testing.TB, err error, reason string) {
	t.Helper()
	var failed *oaktree.Error
	if !errors.As(err, &failed) || failed.Reason != reason {
		t.Fatalf("got %v, want %s", err, reason)
	}
}
