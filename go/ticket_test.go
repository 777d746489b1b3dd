package oaktree_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

func putTo(url string) *pb.Ticket {
	return &pb.Ticket{
		HttpMethod: http.MethodPut, Url: url, ExpectedStatus: http.StatusCreated,
		Headers: map[string]string{"X-Mark": "here"}, Auth: pb.TicketAuth_TICKET_AUTH_EMBEDDED,
	}
}

func getFrom(url string) *pb.Ticket {
	return &pb.Ticket{
		HttpMethod: http.MethodGet, Url: url, ExpectedStatus: http.StatusOK,
		Auth: pb.TicketAuth_TICKET_AUTH_EMBEDDED,
	}
}

// ticketed answers an upload with a ticket, and takes what comes all the same.
func ticketed(f *fake, ticket *pb.Ticket) *received {
	came := newReceived()
	f.answer("UploadImage", answer{serve: func(stream grpc.ServerStream, first proto.Message) error {
		if !first.(*pb.UploadImageRequest).GetAcceptsTicket() {
			return errors.New("it accepts no ticket")
		}
		if err := came.after(stream, first, &pb.UploadImageResponse{Ticket: ticket}); err != nil {
			return err
		}
		return stream.SendMsg(&pb.UploadImageResponse{Image: image})
	}})
	return came
}

func TestAnUploadGoesStraightToTheCloud(t *testing.T) {
	direct(t)
	content := noise(3*chunk + 5)
	for name, source := range map[string]oaktree.Source{
		"file":   oaktree.File(written(t, content)),
		"reader": oaktree.Reader(plain{bytes.NewReader(content)}, int64(len(content))),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, f, client := start(t)
			there := newCloud(t)
			came := ticketed(f, putTo(there.URL+"/v2/images/1/file"))
			var last oaktree.Progress
			got, err := client.Images.Upload(ctx, source, debian(), oaktree.OnProgress(func(p oaktree.Progress) { last = p }))
			fine(t, err)
			same(t, got, image)
			same(t, string(there.kept["/v2/images/1/file"]), string(content))
			headers := there.headers["/v2/images/1/file"]
			same(t, headers.Get("X-Mark"), "here")
			same(t, headers.Get("X-Auth-Token"), "")
			same(t, fmt.Sprint(came.all(t).sizes), fmt.Sprint([]int{chunk, 0}))
			same(t, came.finish, &pb.UploadFinish{Sha256: sha256Of(content), Md5: md5Of(content)})
			same(t, last.SentBytes, int64(len(content)))
		})
	}
}

func TestAnUploadGoesThroughOaktreeWhereTheCloudIsNotReached(t *testing.T) {
	direct(t)
	content := noise(3*chunk + 5)
	gone := httptest.NewServer(nil)
	gone.Close()
	once := func() oaktree.Source { return oaktree.Reader(plain{bytes.NewReader(content)}, int64(len(content))) }
	again := func() oaktree.Source { return oaktree.Bytes(content) }
	status := func(code int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(code)
			return true
		}
	}
	for name, one := range map[string]struct {
		source  func() oaktree.Source
		url     string
		instead func(http.ResponseWriter, *http.Request) bool
	}{
		"nobody there":          {again, gone.URL, nil},
		"nobody there, once":    {once, gone.URL, nil},
		"no URL":                {again, "http://[", nil},
		"refused":               {again, "", status(http.StatusUnauthorized)},
		"refused, once":         {once, "", status(http.StatusUnauthorized)},
		"another way of saying": {again, "", status(http.StatusAccepted)},
		"led elsewhere": {again, "", func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return true
		}},
		"broken off": {again, "", func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = io.CopyN(io.Discard, r.Body, chunk+1)
			panic(http.ErrAbortHandler)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, f, client := start(t)
			there := newCloud(t)
			there.do(one.instead)
			if one.url == "" {
				one.url = there.URL
			}
			came := ticketed(f, putTo(one.url))
			_, err := client.Images.Upload(ctx, one.source(), debian())
			fine(t, err)
			same(t, came.all(t).bytes.String(), string(content))
			same(t, came.finish.GetSha256(), sha256Of(content))
			same(t, len(there.kept), 0)
		})
	}
}

func TestWhatIsHalfSentAndReadOnceFails(t *testing.T) {
	direct(t)
	ctx, f, client := start(t)
	there := newCloud(t)
	there.do(func(_ http.ResponseWriter, r *http.Request) bool {
		_, _ = io.CopyN(io.Discard, r.Body, chunk+1)
		panic(http.ErrAbortHandler)
	})
	came := ticketed(f, putTo(there.URL))
	content := noise(30 * chunk)
	_, err := client.Images.Upload(ctx, oaktree.Reader(plain{bytes.NewReader(content)}, int64(len(content))), debian())
	if !errors.Is(err, oaktree.ErrUnavailable) {
		t.Fatal(err)
	}
	came.isBroken(t)
}

func TestWhatChangesOnItsWayToTheCloudIsNotKept(t *testing.T) {
	direct(t)
	ctx, f, client := start(t)
	there := newCloud(t)
	came := ticketed(f, putTo(there.URL))
	_, err := client.Images.Upload(ctx, oaktree.Reader(plain{bytes.NewReader(noise(3 * chunk))}, 2*chunk), debian())
	if !errors.Is(err, oaktree.ErrSourceChanged) {
		t.Fatal(err)
	}
	came.isBroken(t)
	same(t, len(there.kept), 0)
}

func TestAServerThatEndsAnUploadEndsThePut(t *testing.T) {
	direct(t)
	ctx, f, client := start(t)
	there := newCloud(t)
	putting := make(chan struct{})
	there.do(func(_ http.ResponseWriter, r *http.Request) bool {
		close(putting)
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return true
	})
	f.answer("UploadImage", answer{serve: func(stream grpc.ServerStream, _ proto.Message) error {
		if err := stream.SendMsg(&pb.UploadImageResponse{Ticket: putTo(there.URL)}); err != nil {
			return err
		}
		<-putting
		return refusal(codes.Internal, "CLOUD_ERROR", "no")
	}})
	_, err := client.Images.Upload(ctx, oaktree.Bytes(noise(3*chunk)), debian())
	failsAs(t, err, "CLOUD_ERROR")
}

func TestTheCallersTokenGoesWithATicketThatAsksForIt(t *testing.T) {
	direct(t)
	ctx, f, client := robot(t, created("a", 3600))
	there := newCloud(t)
	ticket := putTo(there.URL + "/file")
	ticket.Auth = pb.TicketAuth_TICKET_AUTH_CALLER_TOKEN
	ticketed(f, ticket)
	_, err := client.Images.Upload(ctx, oaktree.Bytes(noise(2*chunk)), debian())
	fine(t, err)
	same(t, there.headers["/file"].Get("X-Auth-Token"), "a")
}

func TestTheCallersTokenGoesNowhereInTheClear(t *testing.T) {
	direct(t)
	ctx, f, client := robot(t, created("a", 3600))
	ticket := putTo("http://192.0.2.1/file")
	ticket.Auth = pb.TicketAuth_TICKET_AUTH_CALLER_TOKEN
	content := noise(2 * chunk)
	came := ticketed(f, ticket)
	_, err := client.Images.Upload(ctx, oaktree.Bytes(content), debian())
	fine(t, err)
	same(t, came.all(t).bytes.String(), string(content))
}

func TestThroughOaktreeNoTicketIsAccepted(t *testing.T) {
	direct(t)
	ctx, f, client := start(t)
	content := noise(2 * chunk)
	images(f, 1)
	f.answer("DownloadImage", reply(sends(content, content)...))
	_, err := client.Images.Upload(ctx, oaktree.Bytes(content), debian(), oaktree.ThroughOaktree())
	fine(t, err)
	_, err = client.Images.Download(ctx, oaktree.Writer(io.Discard), wants("debian"), oaktree.ThroughOaktree())
	fine(t, err)
	if f.onlyCall("UploadImage").request.(*pb.UploadImageRequest).GetAcceptsTicket() ||
		f.onlyCall("DownloadImage").request.(*pb.DownloadImageRequest).GetAcceptsTicket() {
		t.Fatal("a ticket was accepted")
	}
}

// straight answers downloads with a ticket, and with the bytes where none is accepted.
func straight(f *fake, content []byte, ticket *pb.Ticket) {
	f.answer("DownloadImage", answer{choose: func(request proto.Message) answer {
		asked := request.(*pb.DownloadImageRequest)
		if asked.GetAcceptsTicket() {
			told := of(content)
			told.Ticket = ticket
			return reply(told)
		}
		return reply(sendsOf(asked.GetPart(), of(content), content[asked.GetPart().GetOffsetBytes():])...)
	}})
}

func TestADownloadComesStraightFromTheCloud(t *testing.T) {
	ctx, f, client := start(t)
	there := newCloud(t)
	content := noise(3*chunk + 5)
	there.kept["/file"] = content
	straight(f, content, getFrom(there.URL+"/file"))
	for want, part := range map[string]*pb.DownloadPart{
		string(content):         nil,
		string(content[10:]):    {OffsetBytes: 10},
		string(content[10:110]): {OffsetBytes: 10, LengthBytes: proto.Int64(100)},
	} {
		var to bytes.Buffer
		_, err := client.Images.Download(ctx, oaktree.Writer(&to), &pb.DownloadImageRequest{NameOrId: "debian", Part: part})
		fine(t, err)
		same(t, to.String(), want)
	}
	same(t, len(f.calls("DownloadImage")), 3)
}

func TestADownloadComesThroughOaktreeWhereTheCloudIsNotReached(t *testing.T) {
	content := noise(3*chunk + 5)
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, one := range map[string]struct {
		url     string
		instead func(http.ResponseWriter, *http.Request) bool
		calls   int
	}{
		"nobody there": {gone.URL, nil, 2},
		"refused": {"", func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}, 2},
		"another length": {"", func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte("no such image"))
			return true
		}, 2},
		"broken off": {"", func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Range") != "" {
				return false
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = w.Write(content[:chunk])
			panic(http.ErrAbortHandler)
		}, 2},
		"broken off and refused": {"", func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusForbidden)
				return true
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = w.Write(content[:chunk])
			panic(http.ErrAbortHandler)
		}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, f, client := start(t)
			there := newCloud(t)
			there.kept["/file"] = content
			there.do(one.instead)
			if one.url == "" {
				one.url = there.URL
			}
			straight(f, content, getFrom(one.url+"/file"))
			var to bytes.Buffer
			_, err := client.Images.Download(ctx, oaktree.Writer(&to), wants("debian"))
			fine(t, err)
			same(t, to.String(), string(content))
			same(t, len(f.calls("DownloadImage")), one.calls)
		})
	}
}

func TestACloudThatGivesOtherBytesIsNotBelieved(t *testing.T) {
	ctx, f, client := start(t)
	there := newCloud(t)
	content := noise(2 * chunk)
	there.kept["/file"] = append([]byte{1}, content[1:]...)
	straight(f, content, getFrom(there.URL+"/file"))
	_, err := client.Images.Download(ctx, oaktree.Writer(io.Discard), wants("debian"))
	failsAs(t, err, "BYTES_DIFFER")
}

func TestACloudThatIsSilentIsGivenUp(t *testing.T) {
	direct(t)
	t.Cleanup(oaktree.SetSilence(20 * time.Millisecond))
	ctx, f, client := start(t)
	content := noise(40 * chunk)
	there := newCloud(t)
	over := make(chan struct{})
	// Before the cloud ends, which waits for this.
	t.Cleanup(func() { close(over) })
	there.do(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(content[:chunk])
			_ = http.NewResponseController(w).Flush()
		} else {
			_, _ = io.CopyN(io.Discard, r.Body, chunk)
		}
		<-over
		return true
	})
	came := ticketed(f, putTo(there.URL))
	_, err := client.Images.Upload(ctx, oaktree.Bytes(content), debian())
	fine(t, err)
	same(t, came.all(t).bytes.String(), string(content))
	straight(f, content, getFrom(there.URL))
	var to bytes.Buffer
	_, err = client.Images.Download(ctx, oaktree.Writer(&to), wants("debian"))
	fine(t, err)
	same(t, to.String(), string(content))
}
