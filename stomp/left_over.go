package stomp

import "sync"

// leftOverKept is how many receipts are kept in one session of SUBSCRIBEs whose subscription has ended, whether
// UNSUBSCRIBE is withheld or was sent.
const leftOverKept = 1024

// leftOver holds receipts in order.
type leftOver struct {
	mu  sync.Mutex // guards all; a leaf
	all []*pendingReceipt
}

// leaveOver keeps the receipt of a SUBSCRIBE whose subscription has ended, in case that its answer comes, and drops the
// oldest beyond leftOverKept: some servers answer some SUBSCRIBEs, and there may be any number of others.
func (s *session) leaveOver(p *pendingReceipt) {
	if !s.env.receipts.isPending(p) {
		return
	}
	s.leftOver.mu.Lock()
	var oldest *pendingReceipt
	if s.leftOver.all = append(s.leftOver.all, p); len(s.leftOver.all) > leftOverKept {
		oldest = s.leftOver.all[0]
		s.leftOver.all = s.leftOver.all[1:]
	}
	s.leftOver.mu.Unlock()
	if oldest != nil {
		s.env.receipts.remove(oldest.number)
	}
}
