package model_test

// excuse names a fault that is known, and not looked for until it is mended.
type excuse string

const (
	// A server sends on until it has read UNSUBSCRIBE, and MESSAGE names the id alone.
	reusedID excuse = "what was in flight for a subscription may reach the next one with its id (WithID)"
)

// known are those that are not mended.
var known = map[excuse]bool{reusedID: true}

func excused(e excuse) bool { return known[e] }
