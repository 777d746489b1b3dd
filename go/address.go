package oaktree

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

var defaultPorts = map[string]string{"": "50051", "http": "80", "https": "443"}

// endpoint is an address, read.
type endpoint struct {
	// As the caller wrote it.
	address string
	// As gRPC wants it; the same for all ways to write it.
	target string
	// The absolute path of a unix socket, with no link followed. Empty if it is none.
	socket string
	// Whether TLS is spoken.
	isSecure bool
	// Whether the way there never leaves this machine.
	isLocal bool
}

// parseAddress reads host:port, http://host:port, https://host:port or unix:/path.
//
// TLS unless the address is local, begins with http://, or insecure says otherwise; a TLS
// configuration asks for it anywhere.
func parseAddress(address string, insecure, hasTLS bool) (endpoint, error) {
	refuse := func(why string) (endpoint, error) {
		return endpoint{}, fmt.Errorf("oaktree: %q %s", address, why)
	}
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		scheme, rest = "", address
		if path, isUnix := strings.CutPrefix(address, "unix:"); isUnix {
			scheme, rest = "unix", path
		}
	}
	if insecure && (scheme == "https" || hasTLS) {
		return refuse("cannot be both: WithInsecure excludes https://, WithTLS and WithCA")
	}
	if hasTLS && scheme == "http" {
		return refuse("is without TLS: for WithTLS or WithCA write https://")
	}
	if scheme == "unix" {
		if rest == "" {
			return refuse("names no socket; write unix:/path/to/socket")
		}
		path, err := filepath.Abs(rest)
		if err != nil {
			return refuse("is no address: " + err.Error())
		}
		return endpoint{address, "unix:" + (&url.URL{Path: path}).EscapedPath(), path, hasTLS, true}, nil
	}
	port, known := defaultPorts[scheme]
	if !known {
		return refuse("is not host:port, http://…, https://… or unix:/path")
	}
	parts, err := url.Parse("//" + rest)
	if err != nil {
		return refuse("is no address: " + err.Error())
	}
	host := strings.ToLower(parts.Hostname())
	if host == "" || strings.ContainsFunc(host, unicode.IsSpace) {
		return refuse("names no host; write host:port")
	}
	if strings.Trim(parts.Path, "/") != "" || parts.RawQuery+parts.Fragment != "" || parts.User != nil {
		return refuse("holds more than a host and a port")
	}
	if given := parts.Port(); given != "" {
		number, err := strconv.ParseUint(given, 10, 16)
		if err != nil {
			return refuse("has no such port")
		}
		port = strconv.FormatUint(number, 10)
	}
	local := isLocal(host)
	secure := scheme == "https" || hasTLS || (scheme == "" && !insecure && !local)
	return endpoint{address, "dns:///" + net.JoinHostPort(host, port), "", secure, local}, nil
}

// isLocal tells whether the way to a host never leaves this machine.
func isLocal(host string) bool {
	// Not what ends so: some systems ask a name server for that.
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
