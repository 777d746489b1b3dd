package oaktree_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// large is a store whose objects go in segments of four chunks, and a client of it.
func large(t testing.TB) (context.Context, *store, *oaktree.Client) {
	t.Helper()
	ctx, f, client := start(t)
	s := newStore(f)
	s.segmentBytes = 4 * chunk
	t.Cleanup(oaktree.SetAskFromBytes(s.segmentBytes + 1))
	return ctx, s, client
}

func disk() *pb.UploadStorageObjectRequest {
	return &pb.UploadStorageObjectRequest{Parent: "c", Name: "a/disk", Metadata: map[string]string{"k": "v"}}
}

func TestALargeObjectGoesInSegments(t *testing.T) {
	content := noise(10*chunk + 3)
	for name, source := range map[string]func() oaktree.Source{
		"a file":    func() oaktree.Source { return oaktree.File(written(t, content)) },
		"bytes":     func() oaktree.Source { return oaktree.Bytes(content) },
		"a seeker":  func() oaktree.Source { return oaktree.Reader(seekable{bytes.NewReader(content)}, -1) },
		"read once": func() oaktree.Source { return oaktree.Reader(plain{bytes.NewReader(content)}, int64(len(content))) },
	} {
		for way, isStraight := range map[string]bool{" straight": true, " through oaktree": false} {
			t.Run(name+way, func(t *testing.T) {
				ctx, s, client := large(t)
				if isStraight {
					s.straightTo(t)
				}
				var last oaktree.Progress
				got, err := client.StorageObjects.Upload(ctx, source(), disk(), oaktree.OnProgress(func(p oaktree.Progress) { last = p }))
				fine(t, err)
				same(t, got.GetName(), "a/disk")
				same(t, string(s.all()["a/disk"]), string(content))
				commit := s.commits[0]
				same(t, commit.GetSha256(), sha256Of(content))
				same(t, len(commit.GetSegments()), 3)
				same(t, commit.GetSegmentSizeBytes(), 4*chunk)
				same(t, commit.GetMetadata()["k"], "v")
				same(t, last, oaktree.Progress{Name: "a/disk", SentBytes: int64(len(content)), TotalBytes: int64(len(content))})
				same(t, s.plans[0].GetPrefix()+" "+s.plans[0].GetEntries()[0].GetPath(), "a/ disk")
				if isStraight && name != "read once" {
					same(t, len(s.sent), 0)
				} else {
					same(t, len(s.sent), 3)
				}
			})
		}
	}
}

func TestASmallObjectGoesInOnePiece(t *testing.T) {
	ctx, s, client := large(t)
	content := noise(chunk)
	path := written(t, content)
	_, err := client.StorageObjects.Upload(ctx, oaktree.File(path), disk())
	fine(t, err)
	same(t, string(s.objects["a/disk"]), string(content))
	same(t, len(s.plans), 0)
	if s.sent[0].GetModifiedAt() == nil {
		t.Fatal("when the file last changed is not noted")
	}
}

func TestWhatIsThereOfALargeObjectIsNotSent(t *testing.T) {
	ctx, s, client := large(t)
	content := noise(10 * chunk)
	s.segments[home+"0"] = content[:4*chunk]
	s.segments[home+"1"] = noise(4 * chunk)
	from := &changing{Reader: bytes.NewReader(content), then: bytes.NewReader(content)}
	_, err := client.StorageObjects.Upload(ctx, oaktree.Reader(from, -1), disk())
	fine(t, err)
	same(t, string(s.objects["a/disk"]), string(content))
	// The first is read to be compared, and for the digest of the whole.
	same(t, from.begins.Load(), int32(2))
	same(t, len(s.sent), 2)
	for _, one := range s.sent {
		if one.GetSegment().GetIndex() == 0 {
			t.Fatal("the first was sent again")
		}
	}
}

func TestALargeObjectThatIsThere(t *testing.T) {
	ctx, f, client := start(t)
	s := newStore(f)
	s.segmentBytes = 4 * chunk
	defer oaktree.SetAskFromBytes(1)()
	content := noise(10 * chunk)
	s.objects["a/disk"] = content
	there := objectOf("a/disk", content)
	f.answer("UpdateStorageObject", reply(&pb.UpdateStorageObjectResponse{StorageObject: there}))
	f.answer("GetStorageObject", reply(&pb.GetStorageObjectResponse{StorageObject: there}))
	got, err := client.StorageObjects.Upload(ctx, oaktree.Bytes(content), disk())
	fine(t, err)
	same(t, got, there)
	noted := f.onlyCall("UpdateStorageObject").request.(*pb.UpdateStorageObjectRequest).GetMetadata()
	same(t, noted, &pb.MapUpdate{Set: map[string]string{"k": "v"}, Replace: true})
	plain := disk()
	plain.Metadata = nil
	got, err = client.StorageObjects.Upload(ctx, oaktree.Bytes(content), plain)
	fine(t, err)
	same(t, got, there)
	plain.OnlyIfAbsent = true
	_, err = client.StorageObjects.Upload(ctx, oaktree.Bytes(content), plain)
	if !errors.Is(err, oaktree.ErrAlreadyExists) {
		t.Fatal(err)
	}
	same(t, len(s.sent), 0)
}

func TestASegmentThatFailsEndsTheUpload(t *testing.T) {
	ctx, f, client := start(t)
	s := newStore(f)
	s.segmentBytes = 4 * chunk
	defer oaktree.SetAskFromBytes(1)()
	f.answer("UploadStorageObject", breaks(refusal(codes.ResourceExhausted, "QUOTA_EXCEEDED", "no more")))
	_, err := client.StorageObjects.Upload(ctx, oaktree.Bytes(noise(40*chunk)), disk())
	if !errors.Is(err, oaktree.ErrQuotaExceeded) {
		t.Fatal(err)
	}
	same(t, len(s.commits), 0)
}

func TestWrongBytesAreNotCommitted(t *testing.T) {
	ctx, s, client := large(t)
	request := disk()
	request.Content = &pb.UploadContent{Sha256: sha256Of(nil)}
	_, err := client.StorageObjects.Upload(ctx, oaktree.Bytes(noise(10*chunk)), request)
	failsAs(t, err, "BYTES_DIFFER")
	_, err = client.StorageObjects.Upload(ctx, oaktree.Reader(plain{bytes.NewReader(noise(11 * chunk))}, 10*chunk), disk())
	if !errors.Is(err, oaktree.ErrSourceChanged) {
		t.Fatal(err)
	}
	same(t, len(s.commits), 0)
}

func TestTicketsOfSegmentsAreRenewedAndGivenUp(t *testing.T) {
	content := noise(10 * chunk)
	for name, one := range map[string]struct {
		instead     func(http.ResponseWriter, *http.Request) bool
		signs, sent int
	}{
		"expired once": {func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.RawQuery != "sig=1" {
				return false
			}
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}, 2, 0},
		"other bytes": {func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Etag", md5Of(nil))
			w.WriteHeader(http.StatusCreated)
			return true
		}, 1, 3},
		"broken off": {func(_ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.CopyN(io.Discard, r.Body, chunk)
			panic(http.ErrAbortHandler)
		}, 1, 3},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, s, client := large(t)
			s.straightTo(t).do(one.instead)
			_, err := client.StorageObjects.Upload(ctx, oaktree.Bytes(content), disk())
			fine(t, err)
			same(t, string(s.objects["a/disk"]), string(content))
			same(t, len(s.sent), one.sent)
			same(t, s.signs, one.signs)
		})
	}
}

func TestALargeObjectComesStraightFromTheCloud(t *testing.T) {
	direct(t)
	for name, instead := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"": nil,
		"expired once": func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.RequestURI, "?sig=1") {
				return false
			}
			w.WriteHeader(http.StatusUnauthorized)
			return true
		},
		"changed": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Etag", md5Of(nil))
			_, _ = w.Write(noise(10 * chunk))
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, f, client := start(t)
			s := newStore(f)
			there := s.straightTo(t)
			there.do(instead)
			content := noise(10 * chunk)
			s.put("a/disk", content)
			var to bytes.Buffer
			got, err := client.StorageObjects.Download(ctx, oaktree.Writer(&to), &pb.DownloadStorageObjectRequest{Parent: "c", NameOrId: "a/disk"})
			fine(t, err)
			same(t, got.GetName(), "a/disk")
			same(t, to.String(), string(content))
			if len(there.requests()) == 0 {
				t.Fatal("the cloud was not asked")
			}
		})
	}
}
