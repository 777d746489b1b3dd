package oaktree

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

const (
	// Larger chunks move no more bytes a second, and hold up others' calls for longer.
	chunkBytes = 256 << 10
	// How often at most what was broken off is begun again: long enough for an oaktree that is started
	// anew.
	mostRepeats = 6
)

// From so many bytes on they go straight to or from the cloud where they can: a ticket has to be
// asked for. A variable for tests.
var directBytes int64 = 8 << 20

const (
	bytesDiffer = "BYTES_DIFFER"
	notOffered  = "NOT_OFFERED"
)

// differ is the error of bytes that are not what they should be.
func differ(format string, about ...any) error {
	return &Error{Message: fmt.Sprintf(format, about...), Code: codes.DataLoss, Reason: bytesDiffer}
}

// cancelled is the error of a context that has ended.
func cancelled(err error) error {
	code := codes.Canceled
	if errors.Is(err, context.DeadlineExceeded) {
		code = codes.DeadlineExceeded
	}
	return &Error{Message: err.Error(), Code: code}
}

func hexOf(of hash.Hash) string {
	return hex.EncodeToString(of.Sum(nil))
}

// digests are those of what an upload sends.
type digests struct {
	sha256, md5 hash.Hash
	// Whether they are of all the bytes already, before those are sent: each costs more than all the
	// rest, and who takes the bytes compares them.
	isMade bool
}

func newDigests() digests {
	return digests{sha256: sha256.New(), md5: md5.New()}
}

func (d digests) Write(some []byte) (int, error) {
	if d.isMade {
		return len(some), nil
	}
	d.sha256.Write(some)
	return d.md5.Write(some)
}

// finish is the end of an upload of what has these digests.
func (d digests) finish() *pb.UploadFinish {
	return &pb.UploadFinish{Sha256: hexOf(d.sha256), Md5: hexOf(d.md5)}
}

// foretell says them before the bytes come, so that what is there already is not sent again.
func (d digests) foretell(content *pb.UploadContent) {
	content.Sha256, content.Md5 = hexOf(d.sha256), hexOf(d.md5)
}

// check compares them with what was said beforehand.
func (d digests) check(promised *pb.UploadContent) error {
	for _, one := range []struct{ name, promised, is string }{
		{"SHA-256", promised.GetSha256(), hexOf(d.sha256)},
		{"MD5", promised.GetMd5(), hexOf(d.md5)},
	} {
		if one.promised != "" && !strings.EqualFold(one.promised, one.is) {
			return differ("the source has the %s %s, and the request's content says %s", one.name, one.is, one.promised)
		}
	}
	return nil
}

// set sets a field of a message, and says whether it has one of that name.
func set(message proto.Message, name protoreflect.Name, value protoreflect.Value) bool {
	reflected := message.ProtoReflect()
	field := reflected.Descriptor().Fields().ByName(name)
	if field != nil {
		reflected.Set(field, value)
	}
	return field != nil
}

// subject is what a request is about, by the name that it has or is to get.
func subject(request proto.Message) string {
	switch named := request.(type) {
	case interface{ GetName() string }:
		return named.GetName()
	case interface{ GetNameOrId() string }:
		return named.GetNameOrId()
	}
	return ""
}

type throughOaktree struct{ grpc.EmptyCallOption }

// ThroughOaktree is an option of uploads and downloads: their bytes go through oaktree, also where
// they could go straight between this machine and the cloud.
func ThroughOaktree() grpc.CallOption {
	return throughOaktree{}
}

// goesStraight tells whether bytes may go past oaktree.
func goesStraight(opts []grpc.CallOption) bool {
	for _, opt := range opts {
		if _, ok := opt.(throughOaktree); ok {
			return false
		}
	}
	return true
}

// repeats counts how often a transfer was broken off.
type repeats struct {
	losses
	at    *place
	shown lastShown
	// Whether a token that was refused has been replaced.
	isRenewed bool
}

// wait waits until a transfer that failed can be made once more. The error is why it cannot.
func (r *repeats) wait(ctx context.Context, err error) error {
	if reasonOf(err) == unauthenticated && !r.isRenewed && r.shown.token != nil {
		r.isRenewed = true
		_, failed := r.at.tokens.instead(ctx, r.shown.token, err)
		return failed
	}
	if !errors.Is(err, ErrUnavailable) || r.count >= mostRepeats {
		return err
	}
	timer := time.NewTimer(r.pause())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return cancelled(ctx.Err())
	case <-r.at.open.Done():
		return err
	}
}
