package stomp_test

import (
	"context"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// The signatures that users compile against: a change here breaks them.
var (
	_ func(context.Context, string, ...stomp.ConnectOption) (*stomp.Client, error) = stomp.Connect

	_ func(*stomp.Client, context.Context, string, ...stomp.SubscribeOption) (<-chan stomp.Frame, error)                                                      = (*stomp.Client).Subscribe
	_ func(*stomp.Client, context.Context, string, ...stomp.SubscribeOption) (*stomp.Subscription[stomp.Frame], error)                                        = (*stomp.Client).NewSubscription
	_ func(*stomp.Client, context.Context) <-chan stomp.Frame                                                                                                 = (*stomp.Client).Unmatched
	_ func(*stomp.Client, context.Context, string, []byte, ...stomp.SendOption) error                                                                         = (*stomp.Client).Send
	_ func(*stomp.Client, context.Context, string, any, ...stomp.SendOption) error                                                                            = (*stomp.Client).SendJSON
	_ func(*stomp.Client, context.Context, string, []byte, ...stomp.SendOption) (*stomp.Receipt, error)                                                       = (*stomp.Client).SendAsync
	_ func(*stomp.Client, context.Context) error                                                                                                              = (*stomp.Client).Flush
	_ func(*stomp.Client, context.Context, string, []byte, ...stomp.SendOption) (stomp.Frame, error)                                                          = (*stomp.Client).Request
	_ func(*stomp.Client, context.Context, stomp.Frame, ...stomp.FrameOption) error                                                                           = (*stomp.Client).Ack
	_ func(*stomp.Client, context.Context, stomp.Frame, ...stomp.FrameOption) error                                                                           = (*stomp.Client).Nack
	_ func(*stomp.Client, context.Context, ...stomp.FrameOption) (*stomp.Transaction, error)                                                                  = (*stomp.Client).Begin
	_ func(*stomp.Client) stomp.Status                                                                                                                        = (*stomp.Client).Status
	_ func(*stomp.Client, context.Context) <-chan stomp.Status                                                                                                = (*stomp.Client).Watch
	_ func(*stomp.Client) stomp.Stats                                                                                                                         = (*stomp.Client).Stats
	_ func(*stomp.Client) <-chan struct{}                                                                                                                     = (*stomp.Client).Done
	_ func(*stomp.Client) error                                                                                                                               = (*stomp.Client).Err
	_ func(*stomp.Client, context.Context) error                                                                                                              = (*stomp.Client).Drain
	_ func(*stomp.Client, context.Context) error                                                                                                              = (*stomp.Client).Disconnect
	_ func(*stomp.Client) error                                                                                                                               = (*stomp.Client).Close
	_ func(context.Context, *stomp.Client, string, func(stomp.Frame) (int, error), ...stomp.SubscribeOption) (*stomp.Subscription[stomp.Message[int]], error) = stomp.SubscribeAs[int]
	_ func(context.Context, *stomp.Client, string, ...stomp.SubscribeOption) (<-chan stomp.Message[int], error)                                               = stomp.SubscribeJSON[int]
	_ func(stomp.Frame) (int, error)                                                                                                                          = stomp.JSON[int]

	_ func(*stomp.Client, context.Context, stomp.Frame, []byte, ...stomp.SendOption) error  = (*stomp.Client).Reply
	_ func(*stomp.Client, context.Context, stomp.Frame, any, ...stomp.SendOption) error     = (*stomp.Client).ReplyJSON
	_ func(context.Context, *stomp.Client, string, any, ...stomp.SendOption) (int, error)   = stomp.RequestJSON[int]
	_ func(func(context.Context, *stomp.Outgoing) (func(error), error)) stomp.ConnectOption = stomp.WithSendHook
	_                                                                                       = stomp.Outgoing{Destination: "", Header: stomp.Header{}, Body: []byte{}}

	_ func(*stomp.Client, context.Context, ...stomp.GroupOption) (*stomp.Group, error)             = (*stomp.Client).NewGroup
	_ func(*stomp.Client) []stomp.SubscriptionInfo                                                 = (*stomp.Client).Subscriptions
	_                                                                                              = stomp.SubscriptionInfo{ID: "", Destination: "", AckMode: stomp.AckAuto, Epoch: 0, Err: error(nil), Stats: stomp.SubscriptionStats{Restored: 0}}
	_ func(*stomp.Group, context.Context, string, ...stomp.SubscribeOption) (*stomp.Member, error) = (*stomp.Group).Add
	_ func(*stomp.Group) <-chan *stomp.Member                                                      = (*stomp.Group).Failed
	_ func(*stomp.Group, context.Context, ...stomp.FrameOption) error                              = (*stomp.Group).Unsubscribe
	_ func(*stomp.Group) error                                                                     = (*stomp.Group).Err
	_ func(*stomp.Group) stomp.SubscriptionStats                                                   = (*stomp.Group).Stats
	_ <-chan stomp.Frame                                                                           = stomp.Group{}.C
	_ func(*stomp.Member) string                                                                   = (*stomp.Member).ID
	_ func(*stomp.Member) string                                                                   = (*stomp.Member).Destination
	_ func(*stomp.Member) <-chan struct{}                                                          = (*stomp.Member).Done
	_ func(*stomp.Member) error                                                                    = (*stomp.Member).Err
	_ func(*stomp.Member, context.Context) error                                                   = (*stomp.Member).Confirmed
	_ func(*stomp.Member, context.Context, ...stomp.FrameOption) error                             = (*stomp.Member).Unsubscribe
	_ func(*stomp.Member) stomp.SubscriptionStats                                                  = (*stomp.Member).Stats
	_ stomp.GroupOption                                                                            = stomp.WithBuffer(0, 0, stomp.OverflowLatest)

	_ func(stomp.Frame, context.Context, ...stomp.FrameOption) error = stomp.Frame.Ack
	_ func(stomp.Frame, context.Context, ...stomp.FrameOption) error = stomp.Frame.Nack
	_ func(stomp.Frame) bool                                         = stomp.Frame.Redelivered
	_ func(stomp.Frame) string                                       = stomp.Frame.SubscriptionID

	_ <-chan int                                                                  = stomp.Subscription[int]{}.C
	_ func(*stomp.Subscription[int]) string                                       = (*stomp.Subscription[int]).ID
	_ func(*stomp.Subscription[int]) string                                       = (*stomp.Subscription[int]).Destination
	_ func(*stomp.Subscription[int]) error                                        = (*stomp.Subscription[int]).Err
	_ func(*stomp.Subscription[int]) stomp.SubscriptionStats                      = (*stomp.Subscription[int]).Stats
	_ func(*stomp.Subscription[int], context.Context) error                       = (*stomp.Subscription[int]).Confirmed
	_ func(*stomp.Subscription[int], context.Context, ...stomp.FrameOption) error = (*stomp.Subscription[int]).Unsubscribe
	_ func(*stomp.Receipt) <-chan struct{}                                        = (*stomp.Receipt).Done
	_ func(*stomp.Receipt) error                                                  = (*stomp.Receipt).Err
	_ func(*stomp.Receipt, context.Context) error                                 = (*stomp.Receipt).Wait

	_ func(*stomp.Transaction, context.Context, string, []byte, ...stomp.SendOption) error = (*stomp.Transaction).Send
	_ func(*stomp.Transaction, context.Context, stomp.Frame, ...stomp.FrameOption) error   = (*stomp.Transaction).Ack
	_ func(*stomp.Transaction, context.Context, stomp.Frame, ...stomp.FrameOption) error   = (*stomp.Transaction).Nack
	_ func(*stomp.Transaction, context.Context, ...stomp.FrameOption) error                = (*stomp.Transaction).Commit
	_ func(*stomp.Transaction, context.Context, ...stomp.FrameOption) error                = (*stomp.Transaction).Abort

	_ func(string, stomp.Header, []byte) stomp.Frame = stomp.NewFrame
	_ func([]byte) (stomp.Frame, error)              = stomp.ParseFrame
	_ func(stomp.Frame, []byte) ([]byte, error)      = stomp.Frame.AppendTo
	_ func(stomp.Frame) string                       = stomp.Frame.Destination
	_ func(stomp.Frame) string                       = stomp.Frame.MessageID
	_ func(stomp.Frame) string                       = stomp.Frame.ContentType
	_ func(stomp.Frame) string                       = stomp.Frame.String
	_ func(stomp.Frame) slog.Value                   = stomp.Frame.LogValue
	_ func(stomp.Header, string) string              = stomp.Header.Get
	_ func(stomp.Header, string) (string, bool)      = stomp.Header.Lookup
	_ func(stomp.Header) iter.Seq2[string, string]   = stomp.Header.All
	_ func(stomp.Header) stomp.Header                = stomp.Header.Clone
	_ func(*stomp.Header, string, string)            = (*stomp.Header).Add
	_ func(*stomp.Header, string, string)            = (*stomp.Header).Set
	_ func(*stomp.Header, string)                    = (*stomp.Header).Del
	_ func(error) bool                               = stomp.Unsent
	_ func(*stomp.ConnectError) bool                 = (*stomp.ConnectError).Permanent
	_ func(*stomp.ConnectError) bool                 = (*stomp.ConnectError).Refused
	_ func(*stomp.Client, context.Context) error     = (*stomp.Client).Reconnect
	_ []error                                        = []error{stomp.ErrClosed, stomp.ErrNotConnected, stomp.ErrConnectionLost, stomp.ErrHeartBeat, stomp.ErrStale,
		stomp.ErrNotAckable, stomp.ErrSlowConsumer, stomp.ErrTransactionDone, stomp.ErrNoDestination, stomp.ErrNoID, stomp.ErrDuplicateID,
		&stomp.Error{Message: "", ReceiptID: "", Frame: stomp.Frame{Epoch: 1}},
		&stomp.ConnectError{URL: "", StatusCode: 0, Body: nil, Err: nil},
		&stomp.ProtocolError{Reason: "", Clause: ""},
		&stomp.CloseError{Code: 0, Reason: ""},
		&stomp.LimitError{What: "", Limit: 0, Size: 0}}
)

// Each option stands where it may be used.
var (
	_ = []stomp.ConnectOption{
		stomp.WithHeader("", ""), stomp.WithLogin("", ""),
		stomp.WithCredentials(func(context.Context) (login, passcode string, err error) { return }),
		stomp.WithHost(""), stomp.WithVersions(stomp.V10, stomp.V11, stomp.V12), stomp.WithHeartBeat(time.Second, time.Second),
		stomp.WithHTTPClient(&http.Client{}), stomp.WithHTTPHeader(http.Header{}),
		stomp.WithHTTPHeaderFunc(func(context.Context) (http.Header, error) { return nil, nil }),
		stomp.WithSubprotocols(""), stomp.WithCompression(), stomp.WithMessageType(stomp.MessageAuto), stomp.WithPing(time.Second),
		stomp.WithMessageSplit(1), stomp.WithEscapedConnect(),
		stomp.WithDialer(func(context.Context, string) (net.Conn, error) { return nil, nil }),
		stomp.WithLimits(stomp.Limits{Body: 1, Header: 1, Entries: 1}), stomp.WithLifetime(context.Background()),
		stomp.WithLogger(slog.Default()), stomp.WithBuffer(1, 1, stomp.OverflowBlock),
		stomp.WithFailover("", ""), stomp.WithReconnect(stomp.Backoff{Min: 1, Max: 1, Factor: 1, Attempts: 1, Refused: 1}),
		stomp.WithoutReconnect(), stomp.WithInitialRetry(), stomp.WithSendDefaults(stomp.WithPersistent()),
		stomp.WithBeforeConnect(func(context.Context, *stomp.Attempt) error { return nil }),
	}
	_ = stomp.Attempt{Number: 1, Err: nil, URL: "", HTTPHeader: http.Header{}, Header: stomp.Header{}, Login: "", Passcode: ""}
	_ = []stomp.SubscribeOption{
		stomp.WithHeader("", ""), stomp.WithReceipt(), stomp.WithBuffer(1, 1, stomp.OverflowFail), stomp.WithAck(stomp.AckClientIndividual),
		stomp.WithID(""), stomp.WithSelector(""), stomp.WithSubscribeHeaderFunc(func(context.Context) (stomp.Header, error) { return nil, nil }),
		stomp.WithoutResubscribe(), stomp.WithResubscribe(stomp.Backoff{}), stomp.WithoutWaiting(),
	}
	_ = []stomp.SendOption{
		stomp.WithHeader("", ""), stomp.WithReceipt(), stomp.WithContentType(""), stomp.WithoutContentLength(), stomp.WithReplyTo(""),
		stomp.WithRetry(), stomp.WithoutWaiting(), stomp.WithPersistent(),
	}
	_ = []stomp.FrameOption{stomp.WithHeader("", ""), stomp.WithReceipt(), stomp.WithoutWaiting()}
	_ = stomp.Status{State: stomp.StateReconnecting, Epoch: 1, Attempt: 1, RetryAt: time.Time{}, Since: time.Time{}, Err: nil,
		Session: stomp.Session{URL: "", Subprotocol: "", Server: "", ID: "", Version: stomp.V12, HeartBeatSend: 0, HeartBeatReceive: 0, Header: nil}}
	_ = stomp.SubscriptionStats{Received: 0, Delivered: 0, Dropped: 0, Stalls: 0, Queued: 0, QueuedBytes: 0, Restored: 0}
	_ = []stomp.State{stomp.StateConnecting, stomp.StateConnected, stomp.StateReconnecting, stomp.StateClosed}
	_ = []stomp.Overflow{stomp.OverflowBlock, stomp.OverflowDropOldest, stomp.OverflowDropNewest, stomp.OverflowFail}
	_ = []stomp.MessageType{stomp.MessageAuto, stomp.MessageText, stomp.MessageBinary}
	_ = stomp.Message[int]{Frame: stomp.Frame{}, Value: 0, Err: nil}
)
