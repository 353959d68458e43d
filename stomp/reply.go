package stomp

import (
	"context"
	"encoding/json"
)

// Reply answers a request, as [Client.Request] or another client made it: it is [Client.Send] to the request's
// reply-to, with its correlation-id if it has one, unless [WithHeader] gives another here. A request without a
// reply-to is [ErrNoReplyTo]. The author of the request chose where the reply goes: Reply sends wherever that says.
func (c *Client) Reply(ctx context.Context, request Frame, body []byte, opts ...SendOption) error {
	to, id := request.Header.Get("reply-to"), request.Header.Get("correlation-id")
	if to == "" {
		return &opError{op: "reply", target: request.MessageID(), err: ErrNoReplyTo, unsent: true}
	}
	if id != "" {
		opts = append(opts[:len(opts):len(opts)], correlated(id))
	}
	return c.Send(ctx, to, body, opts...)
}

// correlated sets the correlation-id if the options before it do not.
func correlated(id string) SendOption {
	return sendOption(func(c *sendConfig) {
		if _, given := c.header.Lookup("correlation-id"); !given {
			c.header = append(c.header, entry{"correlation-id", id})
		}
	})
}

// ReplyJSON is [Client.Reply] with v encoded as JSON and content-type application/json.
func (c *Client) ReplyJSON(ctx context.Context, request Frame, v any, opts ...SendOption) error {
	body, opts, err := encodeJSON("reply", request.MessageID(), v, opts)
	if err != nil {
		return err
	}
	return c.Reply(ctx, request, body, opts...)
}

// encodeJSON returns v as a body, and opts with the content-type in front. Its error is that of the call op.
func encodeJSON(op, target string, v any, opts []SendOption) ([]byte, []SendOption, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, nil, &opError{op: op, target: target, step: "encoding JSON", err: err, unsent: true}
	}
	return body, append([]SendOption{WithContentType("application/json")}, opts...), nil
}
