package oaktree

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// barred is why bytes did not go straight between this machine and the cloud. They may go through
// oaktree, which also knows what to tell of a cloud that refuses them.
type barred struct {
	why string
	// Zero where the cloud did not answer.
	status int
	// Whether nothing else would get there, either.
	isShut bool
}

func (b *barred) Error() string { return b.why }

// told is the error where they cannot go through oaktree, either.
func (b *barred) told(request string) error {
	return &Error{
		Message:   "the bytes could not be sent straight to the cloud, and cannot be read again: " + b.why,
		Code:      codes.Unavailable,
		RequestID: request,
	}
}

// How long nothing may move before a request to a cloud is given up. A variable for tests.
var silence = 2 * time.Minute

// newWeb is what asks clouds. Who cannot be reached is given up soon, since there is another way.
func newWeb() *http.Client {
	carrier := http.DefaultTransport.(*http.Transport).Clone()
	carrier.DialContext = (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	carrier.TLSHandshakeTimeout = 5 * time.Second
	carrier.MaxIdleConnsPerHost = 16
	carrier.ReadBufferSize = chunkBytes
	carrier.WriteBufferSize = chunkBytes
	return &http.Client{Transport: carrier}
}

// WithHTTPClient asks clouds by this client in the place of the usual one, where bytes go straight
// to or from a cloud: by its proxy, with its authorities, and so on. It is not closed.
func WithHTTPClient(client *http.Client) Option {
	return func(o *options) { o.web = client }
}

// newHTTPRequest is the request that a ticket is good for; name is that of the object, where the
// ticket is for several.
func (p *place) newHTTPRequest(ctx context.Context, ticket *pb.Ticket, shown *token, name string) (*http.Request, error) {
	where := ticket.GetUrl()
	// Not by the prefix, which is empty where a ticket is for a whole container.
	if ticket.GetUrlEnd() != "" {
		where += quoted(name) + ticket.GetUrlEnd()
	}
	// Errors of parsing hold what they could not parse, and a ticket is a secret.
	request, err := http.NewRequestWithContext(ctx, ticket.GetHttpMethod(), where, nil)
	if err != nil {
		return nil, &barred{why: "the ticket has no URL that could be asked", isShut: true}
	}
	inTheClear := request.URL.Scheme != "https" && !isLocal(request.URL.Hostname())
	if inTheClear && (p.endpoint.isSecure || ticket.GetAuth() == pb.TicketAuth_TICKET_AUTH_CALLER_TOKEN) {
		return nil, &barred{why: "the cloud would be asked in the clear", isShut: true}
	}
	for key, value := range ticket.GetHeaders() {
		request.Header.Set(key, value)
	}
	if ticket.GetAuth() == pb.TicketAuth_TICKET_AUTH_CALLER_TOKEN {
		if shown == nil || shown.value == "" {
			return nil, &barred{why: "there is no token to show", isShut: true}
		}
		request.Header.Set("X-Auth-Token", shown.value)
	}
	// Else compressed ones would be unpacked on the way.
	request.Header.Set("Accept-Encoding", "identity")
	return request, nil
}

// ask sends a request and gives a response of one of these statuses.
func (p *place) ask(request *http.Request, wanted ...int) (*http.Response, error) {
	client := *p.web
	// A token is for the cloud that the ticket names.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	if err != nil {
		// Without the URL, which is a secret.
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, &barred{why: fmt.Sprintf("%s: %v", request.URL.Host, err), isShut: isUnreachable(err)}
	}
	if !slices.Contains(wanted, response.StatusCode) {
		_ = response.Body.Close()
		return nil, &barred{why: fmt.Sprintf("%s answers %s", request.URL.Host, response.Status), status: response.StatusCode}
	}
	return response, nil
}

// isUnreachable tells whether an error is of getting there: no byte was sent.
func isUnreachable(err error) bool {
	var (
		on      *net.OpError
		trust   *tls.CertificateVerificationError
		another tls.RecordHeaderError
	)
	return errors.As(err, &on) && on.Op == "dial" || errors.As(err, &trust) || errors.As(err, &another)
}

// stretch is which bytes of what to get.
type stretch struct {
	// That of the object, where the ticket is for several.
	name string
	// What it has to have; empty for whatever there is.
	etag string
	// From where to where; a negative end is not known.
	offset, end int64
	// False: they are all there are.
	isPart bool
}

// get hands over the bytes that a ticket leads to. An error of taking them is returned as it is, any
// other is a *barred.
func (p *place) get(ctx context.Context, ticket *pb.Ticket, shown *token, of stretch, take func([]byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	idle := time.AfterFunc(silence, cancel)
	defer idle.Stop()
	request, err := p.newHTTPRequest(ctx, ticket, shown, of.name)
	if err != nil {
		return err
	}
	wanted := int(ticket.GetExpectedStatus())
	if of.isPart {
		last := ""
		if of.end >= 0 {
			last = strconv.FormatInt(of.end-1, 10)
		}
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-%s", of.offset, last))
		wanted = http.StatusPartialContent
	}
	response, err := p.ask(request, wanted)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if sent := response.Header.Get("Etag"); sent != "" && of.etag != "" && !sameEtag(sent, of.etag) {
		return &barred{why: "it has changed"}
	}
	if size := of.end - of.offset; of.end >= 0 && response.ContentLength >= 0 && response.ContentLength != size {
		return &barred{why: fmt.Sprintf("the cloud sends %d bytes and not %d", response.ContentLength, size)}
	}
	buffer := make([]byte, chunkBytes)
	for {
		idle.Reset(silence)
		count, err := response.Body.Read(buffer)
		// Not while it is the caller who takes long.
		idle.Stop()
		if failed := take(buffer[:count]); failed != nil {
			return failed
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &barred{why: err.Error()}
		}
	}
}

// put sends a body by a ticket. An error of the body's own is returned as it is, any other is a
// *barred. What it gives is the response's headers.
func (p *place) put(ctx context.Context, ticket *pb.Ticket, shown *token, name string, headers map[string]string, from *body) (http.Header, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request, err := p.newHTTPRequest(ctx, ticket, shown, name)
	if err != nil {
		return nil, err
	}
	for key, value := range headers {
		request.Header.Set(key, value)
	}
	from.idle = time.AfterFunc(silence, cancel)
	defer from.idle.Stop()
	request.ContentLength = from.left
	if from.left == 0 {
		// What has a body of unknown length would be sent in chunks.
		request.Body = http.NoBody
		err = from.check()
		_ = from.Close()
	} else {
		request.Body = from
	}
	if from.left > directBytes {
		// A refusal is to come before the bytes.
		request.Header.Set("Expect", "100-continue")
	}
	var response *http.Response
	if err == nil {
		response, err = p.ask(request, int(ticket.GetExpectedStatus()))
		// It may be read for a while after the answer.
		<-from.closed
	}
	if from.err != nil {
		err = from.err
	}
	if response == nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, chunkBytes))
	_ = response.Body.Close()
	return maps.Clone(response.Header), err
}

// body is what a PUT sends of a source.
type body struct {
	content *content
	from    io.Reader
	sent    int64
	left    int64
	// What each byte is written to.
	sums io.Writer
	// check says what is wrong with what has been read; the last bytes are not sent then.
	check func() error
	told  func(int64)
	err   error
	// Ends what moves nothing for too long.
	idle *time.Timer
	// It may be closed in the middle of a Read; closed is then closed after that.
	mu     sync.Mutex
	isShut bool
	closed chan struct{}
}

func newBody(of *content, from io.Reader, size int64, sums io.Writer, check func() error, told func(int64)) *body {
	return &body{content: of, from: from, left: size, sums: sums, check: check, told: told, closed: make(chan struct{})}
}

func (b *body) Read(into []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isShut {
		return 0, http.ErrBodyReadAfterClose
	}
	if b.err != nil {
		return 0, b.err
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	b.content.isBegun = true
	// Not while it is the source that takes long; nor, at the end, while the cloud works on it all.
	b.idle.Stop()
	count, err := b.from.Read(into[:min(int64(len(into)), b.left)])
	_, _ = b.sums.Write(into[:count])
	b.left -= int64(count)
	b.sent += int64(count)
	switch {
	case b.left == 0:
		err = b.check()
	case errors.Is(err, io.EOF):
		err = b.content.short()
	}
	if err != nil {
		b.err = err
		return 0, err
	}
	b.told(b.sent)
	if b.left > 0 {
		b.idle.Reset(silence)
	}
	return count, nil
}

// Close is for net/http, which calls it at the end of whatever happens.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.isShut {
		b.isShut = true
		close(b.closed)
	}
	return nil
}

// quoted is a name as it stands in a URL. Steps of dots would be folded on the way.
func quoted(name string) string {
	var made strings.Builder
	for i, step := range strings.Split(name, "/") {
		if i > 0 {
			made.WriteByte('/')
		}
		isDots := step == "." || step == ".."
		for _, one := range []byte(step) {
			switch {
			case one == '.' && isDots, !isPlain(one):
				fmt.Fprintf(&made, "%%%02X", one)
			default:
				made.WriteByte(one)
			}
		}
	}
	return made.String()
}

func isPlain(one byte) bool {
	return 'a' <= one && one <= 'z' || 'A' <= one && one <= 'Z' || '0' <= one && one <= '9' || strings.IndexByte("-._~", one) >= 0
}

// sameEtag tells whether two etags are the same, quoted or not.
func sameEtag(one, other string) bool {
	return strings.Trim(one, `"`) == strings.Trim(other, `"`)
}
