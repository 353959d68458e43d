package stomp

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The options of the calls of a Client.
type (
	// SubscribeOption is an option of Subscribe, NewSubscription, SubscribeAs, SubscribeJSON and Group.Add.
	SubscribeOption interface{ applySubscribe(*subscribeConfig) }
	// SendOption is an option of Send, SendJSON, SendAsync, Request, RequestJSON, Reply, ReplyJSON and
	// Transaction.Send.
	SendOption interface{ applySend(*sendConfig) }
	// GroupOption is an option of NewGroup.
	GroupOption interface{ applyGroup(*groupConfig) }
	// FrameOption is an option of the calls that send one frame without a body: Ack, Nack, Begin, Commit, Abort and
	// Unsubscribe, also those of a Transaction, a Group and a Member.
	FrameOption interface{ applyFrame(*frameConfig) }
)

type groupConfig struct{ buffer *buffer }

type subscribeConfig struct {
	header     Header
	headerFunc func(context.Context) (Header, error)
	receipt    bool
	ack        AckMode
	id         string
	idSet      bool
	selector   string
	buffer     *buffer

	noWait      bool
	sessionOnly bool
	again       *Backoff // of WithResubscribe; nil: without

	headerFuncSet bool // by an option, be it to nil
}

func newSubscribeConfig(destination string, opts []SubscribeOption) (*subscribeConfig, error) {
	c := new(subscribeConfig)
	for _, o := range opts {
		if o == nil {
			return nil, errNilOption
		}
		o.applySubscribe(c)
	}
	switch {
	case destination == "":
		return nil, ErrNoDestination
	case c.idSet && c.id == "":
		return nil, ErrNoID
	case c.headerFuncSet && c.headerFunc == nil:
		return nil, nilFunction("WithSubscribeHeaderFunc")
	case c.ack < AckAuto || c.ack > AckClientIndividual:
		return nil, fmt.Errorf("WithAck: unknown mode %d", c.ack)
	}
	if c.buffer != nil {
		if err := c.buffer.check(); err != nil {
			return nil, err
		}
	}
	if c.again != nil {
		if c.sessionOnly {
			return nil, errors.New("WithResubscribe and WithoutResubscribe exclude each other")
		}
		if err := c.again.check("WithResubscribe"); err != nil {
			return nil, err
		}
	}
	return c, checkSubscribeHeader(c.header)
}

// sendConfig collects the options of one SEND. Without options, and for WithReceipt alone, building it allocates
// nothing.
type sendConfig struct {
	header          Header
	contentType     string
	noContentLength bool
	replyTo         string
	receipt         bool
	retry           bool
	noWait          bool
}

// with applies the options of a call to the defaults of its Client.
func (defaults *sendConfig) with(destination string, opts []SendOption) (sendConfig, error) {
	if destination == "" {
		return sendConfig{}, ErrNoDestination
	}
	if len(opts) == 0 {
		return *defaults, nil
	}
	if _, ok := opts[0].(receiptOption); ok && len(opts) == 1 {
		c := *defaults
		c.receipt = true
		return c, nil
	}
	c := new(sendConfig)
	*c = *defaults
	c.header = nil
	for _, o := range opts {
		if o == nil {
			return sendConfig{}, errNilOption
		}
		o.applySend(c)
	}
	if err := checkHeader(c.header); err != nil {
		return sendConfig{}, err
	}
	c.header = defaults.header.replacedBy(c.header)
	return *c, nil
}

// replacedBy returns the entries of h whose name other does not have, and then those of other.
func (h Header) replacedBy(other Header) Header {
	switch {
	case len(h) == 0:
		return other
	case len(other) == 0:
		return h
	}
	all := make(Header, 0, len(h)+len(other))
	for _, e := range h {
		if _, replaced := other.Lookup(e[0]); !replaced {
			all = append(all, e)
		}
	}
	return append(all, other...)
}

// newSendDefaults is what WithSendDefaults adds up to. It is applied once, so that Send need not.
func newSendDefaults(opts []SendOption) (*sendConfig, error) {
	plain := &sendConfig{contentType: defaultContentType}
	defaults, err := plain.with("any", opts)
	if err != nil {
		return nil, fmt.Errorf("WithSendDefaults: %w", err)
	}
	return &defaults, nil
}

// inTransaction returns the defaults for a SEND in a transaction: it has no receipt before COMMIT, and is not sent
// again.
func (c sendConfig) inTransaction() *sendConfig {
	c.retry, c.receipt, c.replyTo = false, false, ""
	return &c
}

// forRequest returns the defaults for a Request, whose reply queue ends with the session.
func (c sendConfig) forRequest() *sendConfig {
	c.retry, c.replyTo = false, ""
	return &c
}

// defaultContentType is what webstompy sends.
const defaultContentType = "text/plain"

type frameConfig struct {
	header  Header
	receipt bool
	noWait  bool
}

func newFrameConfig(opts []FrameOption) (frameConfig, error) {
	if len(opts) == 0 {
		return frameConfig{}, nil
	}
	c := new(frameConfig)
	for _, o := range opts {
		if o == nil {
			return frameConfig{}, errNilOption
		}
		o.applyFrame(c)
	}
	return *c, checkHeader(c.header)
}

// reserved holds the entries that the library writes itself, and what to use instead of WithHeader.
var reserved = map[string]string{
	"destination":    "the destination argument",
	"id":             "WithID on a subscription; the library writes it elsewhere",
	"ack":            "WithAck on a subscription; Ack and Nack write it elsewhere",
	"receipt":        "WithReceipt",
	"receipt-id":     "nothing: it is the server's",
	"transaction":    "Begin and the methods of Transaction",
	"content-length": "WithoutContentLength, or nothing: it is written by the length of the body",
	"content-type":   "WithContentType",
	"accept-version": "WithVersions",
	"heart-beat":     "WithHeartBeat",
	"host":           "WithHost",
	"login":          "WithLogin or WithCredentials",
	"passcode":       "WithLogin or WithCredentials",
	"selector":       "WithSelector",
	"subscription":   "nothing: Ack and Nack write it",
	"message-id":     "nothing: Ack and Nack write it (RabbitMQ takes amqp-message-id on SEND)",
	"reply-to":       "WithReplyTo",
}

func checkHeader(h Header) error {
	for name := range h.All() {
		if instead, ok := reserved[name]; ok {
			return fmt.Errorf("WithHeader: %q is written by the library; use %s", name, instead)
		}
		if name == "" {
			return &ProtocolError{Reason: "WithHeader: a header without a name cannot be sent", Clause: "F13"}
		}
	}
	return nil
}

// checkSubscribeHeader is checkHeader for SUBSCRIBE. RabbitMQ alone gives x-stream-offset a meaning. It takes what it
// does not know for next, which skips everything that is in the stream; and a bare number is what AMQP has.
func checkSubscribeHeader(h Header) error {
	if offset, _ := h.Lookup("x-stream-offset"); offset != "" && strings.Trim(offset, "0123456789") == "" {
		return fmt.Errorf("WithHeader: x-stream-offset:%s means next to RabbitMQ, as if nothing was in the stream: write offset=%[1]s", offset)
	}
	return checkHeader(h)
}

// receiptOption is WithReceipt. It has a type of its own because sendConfig.with treats it apart when it is the only
// option.
type receiptOption struct{}

func (receiptOption) applySubscribe(c *subscribeConfig) { c.receipt = true }
func (receiptOption) applySend(c *sendConfig)           { c.receipt = true }
func (receiptOption) applyFrame(c *frameConfig)         { c.receipt = true }
