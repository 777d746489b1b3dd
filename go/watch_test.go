package oaktree_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

type event = oaktree.Event[*pb.Server]

var (
	one = &pb.Location{Cloud: "one", Region: "r"}
	two = &pb.Location{Cloud: "two", Region: "r"}
)

func told(at *pb.Location, mark pb.WatchMark, names ...string) *pb.WatchServersResponse {
	made := &pb.WatchServersResponse{Location: at, Mark: mark}
	for _, name := range names {
		made.Servers = append(made.Servers, &pb.Server{Location: at, Id: name + "-id", Name: name})
	}
	return made
}

func news(at *pb.Location, names ...string) *pb.WatchServersResponse {
	return told(at, pb.WatchMark_WATCH_MARK_UNSPECIFIED, names...)
}

func reset(at *pb.Location, names ...string) *pb.WatchServersResponse {
	return told(at, pb.WatchMark_WATCH_MARK_RESET, names...)
}

func synced(at *pb.Location, names ...string) *pb.WatchServersResponse {
	return told(at, pb.WatchMark_WATCH_MARK_SYNCED, names...)
}

func everything(at *pb.Location, names ...string) []proto.Message {
	return []proto.Message{reset(at), news(at, names...), synced(at)}
}

func gone(name string, deleted bool) *pb.WatchServersResponse {
	removal := &pb.Removal{Id: name + "-id", Name: name, Deleted: deleted}
	return &pb.WatchServersResponse{Location: one, Removals: []*pb.Removal{removal}}
}

// take leaves the loop after so many events, or at an error.
func take(events iter.Seq2[event, error], count int) (seen []event, last error) {
	for event, err := range events {
		if err != nil {
			return seen, err
		}
		if seen = append(seen, event); len(seen) == count {
			return seen, nil
		}
	}
	return seen, errors.New("the watch ended without an error")
}

func short(seen []event) string {
	var words []string
	for _, event := range seen {
		words = append(words, strings.TrimRight(string(event.Kind)+" "+event.Name, " "))
	}
	return strings.Join(words, ", ")
}

func TestEventsInOrder(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WatchServers", endless(append(everything(one, "a", "b"), news(one, "a", "c"), gone("b", true), gone("c", false))...))
	seen, err := take(client.Servers.Watch(ctx, nil), 8)
	fine(t, err)
	same(t, short(seen), "reset, present a, present b, synced, changed a, changed c, removed b, removed c")
	for _, event := range seen {
		same(t, event.Location, one)
	}
	same(t, seen[1].Item, &pb.Server{Location: one, Id: "a-id", Name: "a"})
	same(t, seen[1].Key(), oaktree.Key{Cloud: "one", Region: "r", ID: "a-id"})
	same(t, seen[6].Item, nil)
	same(t, seen[6].ID, "b-id")
	same(t, seen[6].Deleted, true)
	same(t, seen[7].Deleted, false)
	same(t, f.onlyCall("WatchServers").left, 0)
}

func TestTheMarkComesBeforeTheRest(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WatchServers", endless(reset(one, "a"), synced(one, "b")))
	seen, err := take(client.Servers.Watch(ctx, nil), 4)
	fine(t, err)
	same(t, short(seen), "reset, present a, synced, changed b")
}

func TestPlacesAreSyncedEachByItself(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WatchServers", endless(append(everything(one, "a"), reset(two, "x"), news(one, "a"), news(two, "y"))...))
	seen, err := take(client.Servers.Watch(ctx, nil), 7)
	fine(t, err)
	same(t, short(seen[3:]), "reset, present x, changed a, present y")
}

func TestWhenTheCloudWasAsked(t *testing.T) {
	ctx, f, client := start(t)
	dated := news(one, "a")
	dated.AsOf = &timestamppb.Timestamp{Seconds: 1_700_000_000}
	f.answer("WatchServers", endless(dated, news(one, "a")))
	seen, err := take(client.Servers.Watch(ctx, nil), 2)
	fine(t, err)
	same(t, seen[0].AsOf.Equal(time.Unix(1_700_000_000, 0)), true)
	same(t, seen[1].AsOf.IsZero(), true)
}

func TestWhatIsAsked(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WatchServers", endless(reset(one)))
	where := []*pb.Filter{{Path: []string{"name"}, Values: []string{"a"}}}
	_, err := take(client.Cloud("one").Servers.Watch(ctx, &pb.WatchServersRequest{Where: where, AllProjects: true}), 1)
	fine(t, err)
	same(t, f.onlyCall("WatchServers").request.(*pb.WatchServersRequest), &pb.WatchServersRequest{
		Location: &pb.Location{Cloud: "one"}, Where: where, AllProjects: true,
	})
}

func TestOtherResources(t *testing.T) {
	ctx, f, client := start(t)
	volume := &pb.Volume{Id: "1", Name: "n"}
	f.answer("WatchVolumes", endless(&pb.WatchVolumesResponse{Location: one, Volumes: []*pb.Volume{volume}}))
	for event, err := range client.Volumes.Watch(ctx, nil) {
		fine(t, err)
		same(t, event.Item, volume)
		same(t, event.Key(), oaktree.Key{Cloud: "one", Region: "r", ID: "1"})
		break
	}
}

func TestPlaceThatFailsAndComesBack(t *testing.T) {
	ctx, f, client := start(t)
	lost := &pb.WatchServersResponse{Location: two, Failures: []*pb.Failure{failure("two", unreachable), failure("bare", absent)}}
	messages := append(everything(two, "a"), lost, news(one, "b"))
	f.answer("WatchServers", endless(append(messages, everything(two, "c")...)...))
	seen, err := take(client.Servers.Watch(ctx, nil), 8)
	fine(t, err)
	same(t, short(seen[3:]), "failed, present b, reset, present c, synced")
	same(t, seen[3].Location, &pb.Location{Cloud: "two"})
	same(t, seen[3].Failure.Reason, "CLOUD_UNREACHABLE")
	same(t, seen[3].Failure.Cloud, "two")
}

func TestItBeginsAnewWhenTheServerBreaksOff(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WatchServers",
		breaks(away, everything(one, "a", "b")...),
		breaks(away),
		endless(append(everything(one, "b"), news(one, "a"))...))
	seen, err := take(client.Cloud("one").Servers.Watch(ctx, nil), 9)
	fine(t, err)
	same(t, short(seen[3:]), "synced, failed, reset, present b, synced, changed a")
	same(t, seen[4].Failure.Reason, "SHUTTING_DOWN")
	same(t, seen[4].Location, &pb.Location{Cloud: "one"})
	calls := f.calls("WatchServers")
	same(t, calls[0].request.(*pb.WatchServersRequest), calls[2].request.(*pb.WatchServersRequest))
}

func TestWhatIsToldBeforeItIsSyncedAgainIsPresent(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WatchServers", breaks(away, everything(one, "a")...), endless(news(one, "b")))
	seen, err := take(client.Servers.Watch(ctx, nil), 5)
	fine(t, err)
	same(t, short(seen[3:]), "failed, present b")
	same(t, seen[3].Location, &pb.Location{})
}

func TestItBeginsAnewWhenTheServerWasRestarted(t *testing.T) {
	ctx, first, client := start(t)
	first.answer("WatchServers", endless(everything(one, "a", "b")...))
	var seen []event
	for event, err := range client.Servers.Watch(ctx, nil) {
		fine(t, err)
		seen = append(seen, event)
		if len(seen) == 4 {
			first.server.Stop()
		}
		if event.Kind == oaktree.EventFailed {
			if !errors.Is(event.Failure, oaktree.ErrUnavailable) {
				t.Fatal(event.Failure)
			}
			second := fakeAt(t, first.addr)
			second.answer("WatchServers", endless(everything(one, "b")...))
		}
		if len(seen) == 8 {
			break
		}
	}
	same(t, short(seen[3:]), "synced, failed, reset, present b, synced")
}

func TestWhatWillNotPassEndsIt(t *testing.T) {
	for _, code := range []codes.Code{
		codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.NotFound,
		codes.Unimplemented, codes.FailedPrecondition,
	} {
		for name, before := range map[string][]answer{"at once": nil, "later": {breaks(away, reset(one))}} {
			t.Run(code.String()+" "+name, func(t *testing.T) {
				ctx, f, client := start(t)
				f.answer("WatchServers", append(before, breaks(refusal(code, "NOT_FOUND", "no")))...)
				_, err := take(client.Servers.Watch(ctx, nil), 10)
				var failed *oaktree.Error
				if !errors.As(err, &failed) || failed.Code != code {
					t.Fatal(err)
				}
				same(t, len(f.calls("WatchServers")), 1+len(before))
			})
		}
	}
}

func TestItGivesUpWhereThereNeverWasAServer(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WatchServers", breaks(away))
	_, err := take(client.Servers.Watch(ctx, nil), 1)
	if !errors.Is(err, oaktree.ErrUnavailable) {
		t.Fatal(err)
	}
	same(t, len(f.calls("WatchServers")), 4)
}

func TestWatchThatEndsIsAFault(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WatchServers", reply(reset(one)))
	_, err := take(client.Servers.Watch(ctx, nil), 2)
	if !errors.Is(err, oaktree.ErrInternal) {
		t.Fatal(err)
	}
}

func TestDeadlinePassesWhileTheServerIsAway(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WatchServers", endless(reset(one)))
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var last error
	for event, err := range client.Servers.Watch(ctx, nil) {
		if last = err; err == nil && event.Kind == oaktree.EventReset {
			f.server.Stop()
		}
	}
	if !errors.Is(last, oaktree.ErrDeadlineExceeded) {
		t.Fatal(last)
	}
}

// A pause that would outlast the test has to end with the client, and with the context.
func TestWhatEndsAPause(t *testing.T) {
	t.Cleanup(oaktree.SetPauses(time.Hour, time.Hour))
	for _, what := range []string{"client", "context"} {
		t.Run(what, func(t *testing.T) {
			ctx, f, client := start(t)
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			f.answer("WatchServers", breaks(away, reset(one)))
			var last error
			for event, err := range client.Servers.Watch(ctx, nil) {
				if last = err; err != nil || event.Kind != oaktree.EventFailed {
					continue
				}
				if what == "client" {
					fine(t, client.Close())
				} else {
					cancel()
				}
			}
			if !errors.Is(last, oaktree.ErrCancelled) {
				t.Fatal(last)
			}
		})
	}
}

func TestLeavingAWatchCancelsIt(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WatchServers", endless(reset(one, "a")))
	watch := client.Servers.Watch(ctx, nil)
	same(t, len(f.calls("WatchServers")), 0)
	_, err := take(watch, 1)
	fine(t, err)
	ends(t, f.onlyCall("WatchServers"))
}
