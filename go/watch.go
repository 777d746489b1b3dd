package oaktree

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// An EventKind says what happened in a watch.
//
// Each place begins with [EventReset] and everything there is, and is [EventSynced] then; after that come
// changes and removals. A place that was lost begins again with [EventReset].
type EventKind string

const (
	// EventReset: everything that is in this place follows.
	EventReset EventKind = "reset"
	// EventPresent: an item that is there.
	EventPresent EventKind = "present"
	// EventSynced: everything has been told; what was not seen since the EventReset is there no more.
	EventSynced EventKind = "synced"
	// EventChanged: an item that is new or changed.
	EventChanged EventKind = "changed"
	// EventRemoved: an item that is there no more.
	EventRemoved EventKind = "removed"
	// EventFailed: the place cannot be asked at present; what was told of it stands, until its next EventReset.
	EventFailed EventKind = "failed"
)

// Watchable is a resource that can be watched.
type Watchable interface {
	proto.Message
	GetId() string
	GetName() string
}

// A Key tells a thing from every other one in a watch: an id is unique in its place alone.
type Key struct {
	Cloud, Region, ID string
}

// An Event is something that happened in a watch.
type Event[T Watchable] struct {
	Kind EventKind
	// The place. When oaktree itself is lost, what was asked to be watched: empty is everywhere.
	Location *pb.Location
	// The newest state, of EventPresent and EventChanged. Nil for all others.
	Item T
	// The id and the name of an item that is there, or was. Empty where it is about none.
	ID, Name string
	// Whether what was removed is gone. False also for what is there and no longer fits.
	Deleted bool
	// Why the place cannot be asked, of EventFailed. Nil for all others.
	Failure *Error
	// When the cloud was asked for this, by oaktree's clock. Zero where it was not.
	AsOf time.Time
}

// Key is what to keep the item under, where several places are watched at once.
func (e Event[T]) Key() Key {
	return Key{e.Location.GetCloud(), e.Location.GetRegion(), e.ID}
}

// watchResponse is what every watch's response has, beside the items.
type watchResponse interface {
	GetFailures() []*pb.Failure
	GetAsOf() *timestamppb.Timestamp
	GetLocation() *pb.Location
	GetMark() pb.WatchMark
	GetRemovals() []*pb.Removal
}

// events makes events of one watch's responses.
type events[T Watchable] struct {
	asked *pb.Location
	// Places, as keys without an id.
	synced map[Key]bool
}

func newEvents[T Watchable](asked proto.Message) *events[T] {
	where := asked.(interface{ GetLocation() *pb.Location }).GetLocation()
	return &events[T]{where, map[Key]bool{}}
}

// lost is the event of oaktree itself being lost.
func (e *events[T]) lost(err *Error) Event[T] {
	clear(e.synced)
	where := &pb.Location{}
	proto.Merge(where, e.asked)
	return Event[T]{Kind: EventFailed, Location: where, Failure: err}
}

// of is what a response tells: the mark comes before the rest.
func (e *events[T]) of(response watchResponse, items []T) []Event[T] {
	var told []Event[T]
	about := Event[T]{Location: response.GetLocation()}
	if at := response.GetAsOf(); at != nil {
		about.AsOf = at.AsTime()
	}
	tell := func(kind EventKind, fill func(*Event[T])) {
		event := about
		event.Kind = kind
		fill(&event)
		told = append(told, event)
	}
	here := about.Key()
	switch response.GetMark() {
	case pb.WatchMark_WATCH_MARK_RESET:
		delete(e.synced, here)
		tell(EventReset, func(*Event[T]) {})
	case pb.WatchMark_WATCH_MARK_SYNCED:
		e.synced[here] = true
		tell(EventSynced, func(*Event[T]) {})
	}
	kind := EventPresent
	if e.synced[here] {
		kind = EventChanged
	}
	for _, item := range items {
		tell(kind, func(event *Event[T]) {
			event.Item, event.ID, event.Name = item, item.GetId(), item.GetName()
		})
	}
	for _, gone := range response.GetRemovals() {
		tell(EventRemoved, func(event *Event[T]) {
			event.ID, event.Name, event.Deleted = gone.GetId(), gone.GetName(), gone.GetDeleted()
		})
	}
	for _, failure := range response.GetFailures() {
		if err := fromFailure(failure, ""); err.Reason != serviceAbsent {
			told = append(told, Event[T]{Kind: EventFailed, Location: failure.GetLocation(), Failure: err})
		}
	}
	return told
}
