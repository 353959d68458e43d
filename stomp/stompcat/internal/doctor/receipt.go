package doctor

import (
	"context"
	"errors"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// ReceiptPatience is how long a server may take to answer a frame that nothing depends on.
const ReceiptPatience = 2 * time.Second

// ProbeReceipt asks for the receipt of a BEGIN, whose transaction it aborts: a frame that every broker knows and that
// changes nothing. answered is false where a server sends no receipts, and err what ended the session, or ctx's own.
func ProbeReceipt(ctx context.Context, client *stomp.Client) (took time.Duration, answered bool, err error) {
	bounded, cancel := context.WithTimeout(ctx, ReceiptPatience)
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
