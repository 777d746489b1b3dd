package oaktree_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

func TestAddresses(t *testing.T) {
	for _, one := range []struct {
		address, target string
		secure          bool
	}{
		{"localhost:50051", "dns:///localhost:50051", false},
		{"localhost", "dns:///localhost:50051", false},
		{"127.0.0.1:1", "dns:///127.0.0.1:1", false},
		{"[::1]:1", "dns:///[::1]:1", false},
		{"unix:/run/oaktree.sock", "unix:/run/oaktree.sock", false},
		{"unix:///run/./oaktree.sock", "unix:/run/oaktree.sock", false},
		{"unix:/50%", "unix:/50%25", false},
		{"oaktree.example.com", "dns:///oaktree.example.com:50051", true},
		{"oaktree.example.com:443", "dns:///oaktree.example.com:443", true},
		{"192.0.2.1:50051", "dns:///192.0.2.1:50051", true},
		{"[2001:db8::1]:50051", "dns:///[2001:db8::1]:50051", true},
		{"localhost.example.com:1", "dns:///localhost.example.com:1", true},
		{"oak.localhost", "dns:///oak.localhost:50051", true},
		{"https://oaktree.example.com", "dns:///oaktree.example.com:443", true},
		{"https://localhost:50051/", "dns:///localhost:50051", true},
		{"http://oaktree.example.com:80", "dns:///oaktree.example.com:80", false},
	} {
		target, secure, err := oaktree.Dialed(one.address, false, false)
		fine(t, err)
		same(t, target, one.target)
		if secure != one.secure {
			t.Errorf("%s: is TLS spoken? %v", one.address, secure)
		}
	}
}

func TestPlaintextCanBeAskedForAndSoCanTLS(t *testing.T) {
	_, secure, err := oaktree.Dialed("192.0.2.1:1", true, false)
	fine(t, err)
	same(t, secure, false)
	for _, address := range []string{"localhost:1", "unix:/run/s"} {
		_, secure, err := oaktree.Dialed(address, false, true)
		fine(t, err)
		same(t, secure, true)
	}
}

func TestRefusedAddresses(t *testing.T) {
	for address, said := range map[string]string{
		":50051":                  "names no host",
		"my host:1":               "is no address",
		"localhost:port":          "is no address",
		"localhost:99999":         "has no such port",
		"[::1":                    "is no address",
		"unix:":                   "names no socket",
		"ftp://localhost:1":       "is not host:port",
		"http://localhost:1/v1":   "holds more than a host and a port",
		"user@localhost:1":        "holds more than a host and a port",
		"http://localhost:1?a=b":  "holds more than a host and a port",
		"https://localhost:1#top": "holds more than a host and a port",
	} {
		_, err := oaktree.Connect(address)
		if err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestContradictionsAreRefused(t *testing.T) {
	for address, opts := range map[string][]oaktree.Option{
		"https://localhost": {oaktree.WithInsecure()},
		"localhost":         {oaktree.WithInsecure(), oaktree.WithTLS(&tls.Config{})},
		"http://localhost":  {oaktree.WithTLS(&tls.Config{})},
	} {
		if _, err := oaktree.Connect(address, opts...); err == nil {
			t.Errorf("%s is taken", address)
		}
	}
}

// certificate is good for one host, and its own authority.
func certificate(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fine(t, err)
	form := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: host},
		DNSNames:     []string{host},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	fine(t, err)
	made, err := x509.ParseCertificate(der)
	fine(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(made)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// secured is a fake behind TLS, and its address by the name in its certificate.
func secured(t *testing.T, config *tls.Config) (*fake, string) {
	t.Helper()
	f := newFake(t, grpc.Creds(credentials.NewTLS(config)))
	f.answer("GetServer", reply(&pb.GetServerResponse{Server: web}))
	_, port, err := net.SplitHostPort(f.addr)
	fine(t, err)
	return f, "localhost:" + port
}

func TestTLS(t *testing.T) {
	own, pool := certificate(t, "localhost")
	_, address := secured(t, &tls.Config{Certificates: []tls.Certificate{own}})
	for _, address := range []string{address, "https://" + address} {
		client := connect(t, address, oaktree.WithTLS(&tls.Config{RootCAs: pool}))
		_, err := client.Servers.Get(bounded(t), nil)
		fine(t, err)
	}
}

func TestTLSWithAClientCertificate(t *testing.T) {
	own, pool := certificate(t, "localhost")
	_, address := secured(t, &tls.Config{
		Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	})
	config := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{own}}
	_, err := connect(t, address, oaktree.WithTLS(config)).Servers.Get(bounded(t), nil)
	fine(t, err)
	_, err = connect(t, address, oaktree.WithTLS(&tls.Config{RootCAs: pool})).Servers.Get(bounded(t), nil)
	if !errors.Is(err, oaktree.ErrUnavailable) {
		t.Fatal(err)
	}
}

// complains fails unless a call says so of an address that cannot be reached.
func complains(t *testing.T, said, address string, opts ...oaktree.Option) {
	t.Helper()
	_, err := connect(t, address, opts...).Servers.Get(bounded(t), nil)
	var failed *oaktree.Error
	if !errors.As(err, &failed) || !errors.Is(err, oaktree.ErrUnavailable) {
		t.Fatal(err)
	}
	start := "no oaktree can be reached at " + address
	if !strings.HasPrefix(failed.Message, start) || !strings.Contains(failed.Message, said) {
		t.Fatalf("%s\ngRPC: %v", failed.Message, failed.GRPCStatus())
	}
}

func TestNothingListens(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	fine(t, err)
	free.Close()
	complains(t, "nothing listens there", free.Addr().String())
}

func TestNoSuchSocket(t *testing.T) {
	complains(t, "no such socket", "unix:"+filepath.Join(t.TempDir(), "none"))
}

func TestNoSuchHost(t *testing.T) {
	complains(t, "no such host", "oaktree.invalid:50051")
}

func TestTLSWhereThereIsNone(t *testing.T) {
	complains(t, "does not speak TLS", "https://"+newFake(t).addr)
}

func TestPlaintextWhereTLSIsSpoken(t *testing.T) {
	own, _ := certificate(t, "localhost")
	f, _ := secured(t, &tls.Config{Certificates: []tls.Certificate{own}})
	complains(t, "want https://", f.addr)
}

func TestCertificateNobodyTrusts(t *testing.T) {
	own, _ := certificate(t, "localhost")
	_, address := secured(t, &tls.Config{Certificates: []tls.Certificate{own}})
	complains(t, "not trusted; name its authority", "https://"+address)
}

func TestCertificateForAnotherHost(t *testing.T) {
	own, pool := certificate(t, "example.com")
	f, address := secured(t, &tls.Config{Certificates: []tls.Certificate{own}})
	for _, one := range []string{address, f.addr} {
		complains(t, "another host name", "https://"+one, oaktree.WithTLS(&tls.Config{RootCAs: pool}))
	}
}

func TestWebServer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	complains(t, "a web server answers there", strings.TrimPrefix(server.URL, "http://"))
}

func TestSomethingThatSaysNothing(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	fine(t, err)
	t.Cleanup(func() { silent.Close() })
	brief := grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: 300 * time.Millisecond})
	complains(t, "says nothing", silent.Addr().String(), oaktree.WithDialOptions(brief))
}

func TestAnotherService(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fine(t, err)
	other := grpc.NewServer()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = other.Serve(listener)
	}()
	t.Cleanup(func() { other.Stop(); <-ended })
	_, err = connect(t, listener.Addr().String()).Servers.Get(bounded(t), nil)
	if !errors.Is(err, oaktree.ErrUnimplemented) || !strings.Contains(err.Error(), "an older oaktree, or something else") {
		t.Fatal(err)
	}
}

func TestUnixSocket(t *testing.T) {
	address := "unix:" + filepath.Join(t.TempDir(), "s")
	f := fakeAt(t, address)
	f.answer("GetServer", reply(&pb.GetServerResponse{Server: web}))
	_, err := connect(t, address).Servers.Get(bounded(t), nil)
	fine(t, err)
}

func TestCallsAfterClose(t *testing.T) {
	ctx, _, client := start(t)
	fine(t, client.Close())
	_, err := client.Servers.Get(ctx, nil)
	if !errors.Is(err, oaktree.ErrCancelled) {
		t.Fatal(err)
	}
}

func TestLargeMessages(t *testing.T) {
	ctx, f, client := start(t)
	text := strings.Repeat("x", 10<<20)
	f.answer("GetServerConsoleOutput", reply(&pb.GetServerConsoleOutputResponse{Output: text}))
	got, err := client.Servers.GetConsoleOutput(ctx, nil)
	fine(t, err)
	same(t, len(got), len(text))
}
