package oaktree

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
)

const defaultAddress = "localhost:50051"

// claims are what one source says of who is calling: options, the environment, or a file.
type claims struct {
	// What the source calls them.
	names struct{ token, id, secret string }

	token, id, secret string
	// Which of an oaktree's clouds the credential is for.
	cloud string
	// A file of certificates in PEM.
	ca string
	// Where the oaktree is.
	address string
	// The credentials file.
	file string
}

func (c *claims) hasCredential() bool {
	return c.token+c.id+c.secret != ""
}

// fill takes from a source that comes later what is not there yet.
func (c *claims) fill(next claims) {
	if !c.hasCredential() {
		c.token, c.id, c.secret, c.names = next.token, next.id, next.secret, next.names
	}
	c.address = cmp.Or(c.address, next.address)
	c.cloud = cmp.Or(c.cloud, next.cloud)
	c.ca = cmp.Or(c.ca, next.ca)
}

// check never tells a value.
func (c *claims) check() error {
	refuse := func(format string, names ...any) error { return fmt.Errorf("oaktree: "+format, names...) }
	switch {
	case c.token != "" && c.id+c.secret != "":
		return refuse("%s and %s exclude each other", c.names.token, c.names.id)
	case c.id != "" && c.secret == "":
		return refuse("%s is without %s", c.names.id, c.names.secret)
	case c.id == "" && c.secret != "":
		return refuse("%s is without %s", c.names.secret, c.names.id)
	case c.token != "" && !isSendable(c.token):
		return refuse("%s holds characters that cannot be sent", c.names.token)
	case c.cloud != "" && !isSendable(c.cloud):
		return refuse("the name of the credential's cloud holds characters that cannot be sent")
	}
	return nil
}

// What gRPC can send in metadata; of anything else it tells the whole value in its error.
var sendable = regexp.MustCompile(`^[!-~]+( +[!-~]+)*$`)

func isSendable(value string) bool {
	return sendable.MatchString(value)
}

// WithToken shows a token of the cloud's identity service, such as `openstack token issue` gives. It
// cannot be renewed: calls fail once its life ends.
func WithToken(token string) Option {
	return func(o *options) {
		o.token, o.names.token = token, "WithToken"
		if token == "" {
			o.wrong = errors.New("oaktree: WithToken has no token")
		}
	}
}

// WithClientCredentials shows tokens that are made from an application credential's id and secret,
// and renewed before they end.
func WithClientCredentials(id, secret string) Option {
	return func(o *options) {
		o.id, o.secret = id, secret
		o.names.id, o.names.secret = "WithClientCredentials", "WithClientCredentials"
		if id == "" || secret == "" {
			o.wrong = errors.New("oaktree: WithClientCredentials needs both the id and the secret")
		}
	}
}

// WithCredentialsFile names the credentials file, in the place of the user's own. What it says comes
// after the other options and before the environment. It is to be for the address that is connected
// to, also where nothing of it is needed.
func WithCredentialsFile(path string) Option {
	return func(o *options) { o.file = path }
}

// WithCredentialsCloud says which of an oaktree's clouds the token or the application credential is
// for, where it serves several. It has nothing to do with where calls go: see [Client.Cloud].
func WithCredentialsCloud(name string) Option {
	return func(o *options) { o.cloud = name }
}

// environment is what the environment claims, unless it is for another address: a credential is sent
// to no other.
func environment(address string) (claims, error) {
	env := claims{
		token:   os.Getenv("OAKTREE_TOKEN"),
		id:      os.Getenv("OAKTREE_CLIENT_ID"),
		secret:  os.Getenv("OAKTREE_CLIENT_SECRET"),
		cloud:   os.Getenv("OAKTREE_CLOUD"),
		ca:      os.Getenv("OAKTREE_CA"),
		address: os.Getenv("OAKTREE_ADDRESS"),
		file:    os.Getenv("OAKTREE_CREDENTIALS"),
	}
	env.names.token, env.names.id, env.names.secret = "OAKTREE_TOKEN", "OAKTREE_CLIENT_ID", "OAKTREE_CLIENT_SECRET"
	if address == "" || env.address == "" {
		return env, nil
	}
	meant, err := parseAddress(env.address, false, false)
	if err != nil {
		return env, fmt.Errorf("OAKTREE_ADDRESS: %w", err)
	}
	given, err := parseAddress(address, false, false)
	if err == nil && given.target != meant.target {
		env = claims{}
	}
	return env, err
}

// An identity is who calls an oaktree, and where that is.
type identity struct {
	claims
	where endpoint
	// Where a credential was looked for, if there is none.
	hint string
}

// identify finds who calls the oaktree at an address, and the address if that is empty.
func (o *options) identify(address string) (*identity, error) {
	if o.wrong != nil {
		return nil, o.wrong
	}
	who := &identity{claims: o.claims}
	who.address = address
	if o.file != "" {
		if _, err := who.fillFromFile(o.file); err != nil {
			return nil, err
		}
	}
	env, err := environment(who.address)
	if err != nil {
		return nil, err
	}
	who.fill(env)
	// Else nothing of it is needed, and a mistake in it hurts nobody.
	if who.address == "" || !who.hasCredential() {
		path, err := who.fillFromFile(env.file)
		if err != nil {
			return nil, err
		}
		who.hint = "no token was sent, for there are no credentials for this address in the options, the environment or " + path
	}
	who.address = cmp.Or(who.address, defaultAddress)
	if who.where, err = parseAddress(who.address, o.insecure, o.tls != nil || o.ca != ""); err != nil {
		return nil, err
	}
	if err := who.check(); err != nil {
		return nil, err
	}
	if who.hasCredential() && !who.where.isSecure && !who.where.isLocal {
		return nil, errors.New("oaktree: " + inTheClear(who.where))
	}
	return who, nil
}

// fillFromFile takes from a credentials file, if it is for the same address, what is not there yet.
// It tells the path, which is the default one if none is named.
func (i *identity) fillFromFile(named string) (string, error) {
	file, err := findCredentials(named)
	if err != nil {
		return "", err
	}
	if file.address == "" {
		return file.path, nil
	}
	known, err := parseAddress(cmp.Or(i.address, file.address), false, false)
	switch {
	case err != nil:
		return "", err
	case known.target == file.target:
		i.fill(file.claims)
	case file.isNamed:
		return "", fmt.Errorf("oaktree: %s is for another address than %q", file.path, i.address)
	}
	return file.path, nil
}

func inTheClear(where endpoint) string {
	return fmt.Sprintf("a credential is not sent to %q in the clear, where anyone on the way can read it; it needs TLS", where.address)
}
