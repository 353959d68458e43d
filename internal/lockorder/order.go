package main

// order is every pair of locks of which the second may be locked while the first is held; all others are forbidden,
// two locks of one type included. A lock is named by its package and the type that it is a field of. stomp/session.go
// and docs/design.md say the same.
var order = []string{
	// As a frame gets its place in the outbox, its encode looks once more whether it may go out, and notes that it does.
	"outbox.Outbox → stomp.subscription", // SUBSCRIBE: the subscription has not ended meanwhile
	"outbox.Outbox → stomp.Transaction",  // SEND, ACK and NACK come before COMMIT and ABORT
	"outbox.Outbox → ackset.Set",         // ACK and NACK take what they acknowledge
	"outbox.Outbox → stomp.routes",       // UNSUBSCRIBE that was withheld: its id is not another's meanwhile
	"outbox.Outbox → outbox.Ticket",      // the ticket learns where its frame is, unless it was withdrawn

	"stomp.Client → stomp.subscription", // a session is used when it has restored every subscription
	"stomp.Client → stomp.Group",        // a member joins its Group as it gets its id
	"stomp.receipts → outbox.Ticket",    // at the end of a session: which entries stay for the next one
}

// names are the locks by the names that comments and documents call them.
var names = map[string]string{
	"Client":       "stomp.Client",
	"ack set":      "ackset.Set",
	"Group":        "stomp.Group",
	"inbox":        "inbox.Inbox",
	"outbox":       "outbox.Outbox",
	"receipts":     "stomp.receipts",
	"routes":       "stomp.routes",
	"subscription": "stomp.subscription",
	"ticket":       "outbox.Ticket",
	"transaction":  "stomp.Transaction",
}
