package command

import (
	"context"
	"errors"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// receiptPatience is how long a server may take to answer a frame that nothing depends on.
const receiptPatience = 2 * time.Second

// probeReceipt asks for the receipt of a BEGIN, whose transaction it aborts: a frame that every broker knows and that
// changes nothing. answered is false where a server sends no receipts.
func probeReceipt(ctx context.Context, client *stomp.Client) (took time.Duration, answered bool, err error) {
	bounded, cancel := context.WithTimeout(ctx, receiptPatience)
	defer cancel()
	start := time.Now()
	tx, err := client.Begin(bounded, stomp.WithReceipt())
	took = time.Since(start)
	switch {
	case err == nil:
		return took, true, tx.Abort(ctx)
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return 0, false, nil
	}
	return 0, false, err
}
