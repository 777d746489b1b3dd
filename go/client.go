package oaktree

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// Which calls gRPC sends again by itself, and when; made from the proto tree.
//
//go:embed oaktreemodel/v1/service_config.json
var serviceConfig string

// A Client is a connection to an oaktree. Its own collections span every cloud the caller can see.
// It is safe for concurrent use.
type Client struct {
	*Scope
	close func()
}

type options struct {
	claims
	// Why an option cannot be taken.
	wrong    error
	insecure bool
	tls      *tls.Config
	dial     []grpc.DialOption
	web      *http.Client
}

// An Option says how to connect.
type Option func(*options)

// WithInsecure does without TLS, wherever the address is. Anyone on the way can read and change what
// is sent.
func WithInsecure() Option {
	return func(o *options) { o.insecure = true }
}

// WithTLS speaks TLS, wherever the address is, by this configuration: authorities to trust in the
// place of the system's, the client's own certificate, and so on.
func WithTLS(config *tls.Config) Option {
	return func(o *options) { o.tls = config }
}

// WithCA names a file, in PEM, of the authorities to trust in the place of the system's, and speaks
// TLS wherever the address is. WithTLS with RootCAs is the same for certificates that are in no file.
func WithCA(path string) Option {
	return func(o *options) { o.ca = path }
}

// WithDialOptions gives gRPC more options; they win over this package's own.
func WithDialOptions(dial ...grpc.DialOption) Option {
	return func(o *options) { o.dial = append(o.dial, dial...) }
}

// Connect makes a client of the oaktree at an address. The connection is made at the first call.
//
// The address is host:port, https://host:port, http://host:port or unix:/path; the port of a bare
// host is 50051. Empty, it is that of the file of [WithCredentialsFile], else OAKTREE_ADDRESS of the
// environment, else that of the usual credentials file, else localhost:50051. TLS is spoken, and the
// server's certificate checked against what the system trusts, unless the address is on this
// machine, begins with http://, or [WithInsecure] is given.
//
// Who is calling is what options say, the file of [WithCredentialsFile] last, else the environment,
// else the usual credentials file, else what one's own oaktree left for its user on this machine; see
// the package's documentation.
//
// The error is of an address or a file that cannot be read, of options that exclude each other, or
// of a credential that would be sent in the clear.
func Connect(address string, opts ...Option) (*Client, error) {
	var given options
	for _, opt := range opts {
		opt(&given)
	}
	who, err := given.identify(address)
	if err != nil {
		return nil, err
	}
	config, err := given.trusting(who)
	if err != nil {
		return nil, err
	}
	shown := &tokens{where: who.where}
	dial := slices.Concat(dialOptions(who.where, config), shown.dialOptions(), given.dial)
	conn, err := grpc.NewClient(who.where.target, dial...)
	if err != nil {
		return nil, err
	}
	shown.start(who, conn)
	open, cancel := context.WithCancel(context.Background())
	end := cancel
	web := given.web
	if web == nil {
		web = newWeb()
		end = func() {
			cancel()
			web.CloseIdleConnections()
		}
	}
	return &Client{newScope(&place{conn: conn, open: open, endpoint: who.where, tokens: shown, web: web}), end}, nil
}

// trusting is the TLS configuration that is given, or the usual one, with the authorities of a file
// that was found, where TLS is spoken.
func (o *options) trusting(who *identity) (*tls.Config, error) {
	config := o.tls
	if config == nil {
		config = &tls.Config{}
	}
	if o.ca != "" && config.RootCAs != nil {
		return nil, errors.New("oaktree: WithCA and RootCAs of WithTLS exclude each other")
	}
	if who.ca == "" || config.RootCAs != nil || !who.where.isSecure {
		return config, nil
	}
	content, err := os.ReadFile(who.ca)
	if err != nil {
		return nil, fmt.Errorf("oaktree: the authorities to trust: %w", err)
	}
	config = config.Clone()
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("oaktree: the authorities to trust: %s holds no certificate in PEM", who.ca)
	}
	return config, nil
}

func dialOptions(where endpoint, config *tls.Config) []grpc.DialOption {
	transport := insecure.NewCredentials()
	if where.isSecure {
		transport = credentials.NewTLS(config)
	}
	// Between attempts to connect: who watches wants to know soon that the server is back.
	pauses := backoff.DefaultConfig
	pauses.MaxDelay = 10 * time.Second
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(serviceConfig),
		// Else a name server could say how calls are sent again.
		grpc.WithDisableServiceConfig(),
		grpc.WithUserAgent("oaktreemodel-go/" + version()),
		// Batches are small; one message with a long console output or many properties may not be.
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64 << 20)),
		// A stream that waits for minutes is silent, and must notice that its server is gone.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		// MinConnectTimeout is how long to try an address where something listens and says nothing.
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: pauses, MinConnectTimeout: 10 * time.Second}),
	}
	if where.isLocal {
		// What is not encrypted because it stays here is not to leave by a proxy.
		options = append(options, grpc.WithNoProxy())
	}
	return options
}

// version is this module's, as the program that uses it was built with it.
func version() string {
	const module = "opendev.org/openstack/oaktree/go"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, one := range info.Deps {
			if one.Path == module {
				return one.Version
			}
		}
	}
	return "devel"
}

// Close ends every call that is under way, and the connection.
func (c *Client) Close() error {
	c.close()
	return c.at.conn.Close()
}

// Conn is the gRPC connection, for the stubs in oaktreemodel/v1.
func (c *Client) Conn() *grpc.ClientConn {
	return c.at.conn
}

// Cloud gives the collections of one cloud. Whether there is such a cloud shows at the first call;
// an empty name is refused there, since it would mean every cloud.
func (c *Client) Cloud(name string) *Scope {
	if name == "" {
		at := *c.at
		at.refused = refusal("the name of a cloud is empty; use the client itself for all clouds")
		return newScope(&at)
	}
	return c.At(&pb.Location{Cloud: name})
}

// At gives the collections of a place: of a part of a cloud, or of where something is, as in
// client.At(server.GetLocation()). An empty location is every place.
func (c *Client) At(location *pb.Location) *Scope {
	at := *c.at
	at.location = proto.CloneOf(location)
	return newScope(&at)
}

// Location is where a scope's calls go, as a copy; empty is everywhere.
func (s *Scope) Location() *pb.Location {
	where := &pb.Location{}
	proto.Merge(where, s.at.location)
	return where
}
