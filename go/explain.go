package oaktree

import (
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
)

// What gRPC's own words mean for an address, most telling first.
var signs = []struct{ sign, meaning string }{
	{"does not look like a tls handshake", "it does not speak TLS; if that is meant, write http://"},
	{"certificate is valid for", "its certificate is for another host name"},
	{"cannot validate certificate for", "its certificate is for another host name"},
	{"failed to verify certificate", "its certificate is not trusted; name its authority by WithCA"},
	{"name resolver error", "there is no such host, or no name server to ask"},
	{"no such file", "there is no such socket; is oaktree running?"},
	{"connection refused", "nothing listens there; is oaktree running?"},
	{"http/1", "a web server answers there"},
	// gRPC hangs up itself when it has heard nothing for too long.
	{"use of closed network connection", "what listens there says nothing; it may not speak gRPC"},
}

var signsOfAClosedDoor = []string{"eof", "reset by peer", "broken pipe", "certificate required"}

// explain is what to tell of an error that no oaktree made.
func explain(err *Error, at endpoint) string {
	if err.Code == codes.Unimplemented {
		return fmt.Sprintf("what answers at %s does not know this call: it is an older oaktree, or something else (%s)", at.address, err.Message)
	}
	if err.Code != codes.Unavailable {
		return err.Message
	}
	words := strings.ToLower(err.Message)
	if !strings.Contains(words, "connection error") && !strings.Contains(words, "name resolver") {
		return fmt.Sprintf("the connection to %s broke (%s)", at.address, err.Message)
	}
	for _, one := range signs {
		if strings.Contains(words, one.sign) {
			return fmt.Sprintf("no oaktree can be reached at %s: %s", at.address, one.meaning)
		}
	}
	for _, one := range signsOfAClosedDoor {
		if strings.Contains(words, one) {
			likely := "want https://"
			if at.isSecure {
				likely = "want a client certificate: WithTLS"
			}
			return fmt.Sprintf("no oaktree can be reached at %s: it hung up; it may %s", at.address, likely)
		}
	}
	return fmt.Sprintf("no oaktree can be reached at %s (%s)", at.address, err.Message)
}
