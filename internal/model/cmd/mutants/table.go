package main

// mutant is one way to break the code.
type mutant struct {
	name   string
	edits  []edit
	unseen string // why no caller and no broker can see it, or not here; "": it has to be caught
}

// edit replaces a text that stands once in a file.
type edit struct{ file, from, to string }

var table = []mutant{
	{
		name: "UNSUBSCRIBE is lost",
		edits: []edit{
			{"stomp/unsubscribe.go", "\tif needed && !sub.withhold(route, cfg) { // if", "\tif needed = false; needed { // if"},
		},
	},
	{
		name: "UNSUBSCRIBE goes out twice",
		edits: []edit{
			{"stomp/unsubscribe.go", "\t\tsub.farewell = underWay\n\t}\n\troute,", "\t\t_ = underWay\n\t}\n\troute,"},
			{"stomp/unsubscribe.go", "\tsub.farewell = settled\n\tsub.mu.Unlock()\n\tsub.release() // if it has", "\tsub.mu.Unlock()\n\tsub.release() // if it has"},
		},
	},
	{
		name: "Unsubscribe does not wait for acknowledgements",
		edits: []edit{
			{"stomp/unsubscribe.go", "\t\tcase <-route.acks.Drained():", "\t\tcase <-s.cut:\n\t\tdefault:"},
		},
	},
	{
		name: "Unsubscribe drops what had arrived",
		edits: []edit{
			{"stomp/unsubscribe.go", "\tsub.inbox.Drain()", "\tsub.inbox.End()"},
		},
	},
	{
		name: "the gentle end is not marked as done",
		edits: []edit{
			{"stomp/unsubscribe.go", "\tif sub.beginEnd(nil, false) {\n\t\tsub.stopWatching()\n\t\tsub.release()\n\t}\n\tsub.inbox.End()", "\tsub.inbox.End()"},
		},
	},
	{
		name: "UNSUBSCRIBE in a client mode goes out before the acknowledgements",
		edits: []edit{
			{"stomp/unsubscribe.go", "\tsub.inbox.End()\n\t<-sub.inbox.Closed() // at once: End needs no reader\n", "\tsub.inbox.End()\n\t<-sub.inbox.Closed() // at once: End needs no reader\n\tsub.sendUnsubscribe(nil)\n"},
		},
	},
	{
		name: "Err of a subscription is not set",
		edits: []edit{
			{"stomp/subscription.go", "\tsub.err = err\n", ""},
		},
	},
	{
		name: "what is being unsubscribed is restored",
		edits: []edit{
			{"stomp/subscription.go", "!sub.ending && !sub.unsubscribing && sub.waitsFor == nil", "!sub.ending && sub.waitsFor == nil"},
		},
		unseen: "SUBSCRIBE is refused once more as it gets its place (admitSubscribe)",
	},
	{
		name: "what is being unsubscribed is restored, and SUBSCRIBE goes out",
		edits: []edit{
			{"stomp/subscription.go", "!sub.ending && !sub.unsubscribing && sub.waitsFor == nil", "!sub.ending && sub.waitsFor == nil"},
			{"stomp/subscribe.go", "\tif sub.unsubscribing || sub.ending {\n\t\treturn errEnded\n\t}\n\tsub.subscribeSent", "\tif sub.ending {\n\t\treturn errEnded\n\t}\n\tsub.subscribeSent"},
		},
	},
	{
		name: "a route is not removed",
		edits: []edit{
			{"stomp/subscription.go", "\t\t\ts.routes.remove(r)\n", "\t\t\t_ = s.routes\n"},
		},
		unseen: "it gives way to the next with its id, and brokers here name the subscription of a message; tests of stomp see both",
	},
	{
		name: "the Client does not forget a subscription",
		edits: []edit{
			{"stomp/subscription.go", "\tsub.client.forget(sub)\n", ""},
		},
	},
	{
		name: "the channel is not closed",
		edits: []edit{
			{"stomp/subscription.go", "\tsub.sendUnsubscribe(nil)\n\tsub.inbox.End()\n", "\tsub.sendUnsubscribe(nil)\n"},
		},
	},
	{
		name: "OverflowFail does not end the subscription",
		edits: []edit{
			{"stomp/subscription.go", "\tcase inbox.Overflowed:\n", "\tcase inbox.Overflowed:\n\t\treturn nil\n"},
		},
	},
	{
		name: "the end of a subscription's ctx sends no UNSUBSCRIBE",
		edits: []edit{
			{"stomp/subscription.go", "\t\tsub.end(nil, true)\n\t})", "\t\tsub.end(nil, false)\n\t})"},
		},
	},
	{
		name: "the channel is closed before Done",
		edits: []edit{
			{"stomp/subscription.go", "\tsub.mu.Unlock()\n\tclose(sub.done)", "\tsub.mu.Unlock()\n\tsub.inbox.End()\n\tfor range 10_000 {\n\t\tsub.hasEnded() // takes time\n\t}\n\tclose(sub.done)"},
		},
	},
	{
		name: "an old route is not replaced on a new session",
		edits: []edit{
			{"stomp/subscription.go", "if sub.ending || sub.route != nil && sub.route.epoch >= r.epoch {", "if sub.ending || sub.route != nil {"},
		},
	},
	{
		name: "SUBSCRIBE goes out although the subscription has ended",
		edits: []edit{
			{"stomp/subscribe.go", "\tif sub.unsubscribing || sub.ending {\n\t\treturn errEnded\n\t}\n\tsub.subscribeSent", "\tsub.subscribeSent"},
		},
	},
	{
		name: "it is not noted that SUBSCRIBE was sent",
		edits: []edit{
			{"stomp/subscribe.go", "\tsub.subscribeSent = true\n", ""},
		},
	},
	{
		name: "Subscribe WithReceipt that gives up sends no UNSUBSCRIBE",
		edits: []edit{
			{"stomp/subscribe.go", "sub.end(err, !withdrawn)", "sub.end(err, false)"},
		},
	},
	{
		name: "a refused SUBSCRIBE does not end its subscription",
		edits: []edit{
			{"stomp/read.go", "\t\tp.answered(e) //", "\t\t_ = e //"},
		},
	},
	{
		name: "a subscription made while a session is restored is forgotten",
		edits: []edit{
			{"stomp/restore.go", "\t\tif sub.wants(s) {\n\t\t\treturn false, false\n\t\t}", "\t\t_ = sub"},
			{"stomp/restore.go", "\t\tending, complete := c.use(s)\n", "\t\tfor range 20_000 {\n\t\t\tc.ending() // takes time\n\t\t}\n\t\tending, complete := c.use(s)\n"},
		},
		unseen: "the window is some microseconds in Client.use, and the bubble's time stands still in it; a test of stomp puts a Subscribe there",
	},
	{
		name: "carried frames are dropped",
		edits: []edit{
			{"stomp/restore.go", "v.carried = s.resend(v.carried)", "v.carried = nil"},
		},
	},
	{
		name: "carried frames go out before the SUBSCRIBEs",
		edits: []edit{
			{"stomp/restore.go", "\t\tv.subscribeAll(s, until)\n\t\tif !restored {\n\t\t\tv.carried = s.resend(v.carried)\n\t\t}", "\t\tif !restored {\n\t\t\tv.carried = s.resend(v.carried)\n\t\t}\n\t\tv.subscribeAll(s, until)"},
		},
	},
	{
		name: "the epoch does not grow",
		edits: []edit{
			{"stomp/restore.go", "\tv.sessions++\n", ""},
		},
	},
	{
		name: "subscriptions are restored in the wrong order",
		edits: []edit{
			{"stomp/supervise.go", "cmp.Compare(a.order, b.order) })", "cmp.Compare(b.order, a.order) })"},
		},
	},
	{
		name: "carried frames go out twice",
		edits: []edit{
			{"stomp/carry.go", "\t\t\t_, err = s.out.Add(context.Background(), e,", "\t\t\ts.out.Add(context.Background(), e, func(dst []byte) ([]byte, error) { return dst, nil })\n\t\t\t_, err = s.out.Add(context.Background(), e,"},
		},
	},
	{
		name: "carried frames lose their ticket",
		edits: []edit{
			{"stomp/carry.go", ", Carry: true, Ticket: f.ticket}", ", Carry: true}"},
		},
	},
	{
		name: "carried frames are reordered",
		edits: []edit{
			{"stomp/session.go", "cmp.Compare(a.order, b.order) })", "cmp.Compare(b.order, a.order) })"},
		},
	},
	{
		name: "the receipt of a frame that was not accepted stays",
		edits: []edit{
			{"stomp/outgoing.go", "\t\t\ts.env.receipts.remove(r.number)\n\t\t}\n\t\treturn nil, 0, f.notSent(err)", "\t\t\t_ = r.number\n\t\t}\n\t\treturn nil, 0, f.notSent(err)"},
		},
	},
	{
		name: "a RECEIPT resolves nothing",
		edits: []edit{
			{"stomp/read.go", "\tp.resolve(nil)\n", "\t_ = p\n"},
		},
	},
	{
		name: "an ERROR counts as a RECEIPT",
		edits: []edit{
			{"stomp/read.go", "\tp.resolve(p.failed(e, \"\", false))\n\treturn true", "\tp.resolve(nil)\n\treturn true"},
		},
	},
	{
		name: "the receipt of a call that gives up stays",
		edits: []edit{
			{"stomp/receipts.go", "\tif t.remove(r.number) == nil {\n\t\t<-r.done", "\tif !t.isPending(r) {\n\t\t<-r.done"},
		},
	},
	{
		name: "Unsent is said of what was written",
		edits: []edit{
			{"stomp/receipts.go", "r.resolveLost(ctxError(ctx), !r.forced && r.ticket.Withdraw())", "r.ticket.Withdraw()\n\tr.resolveLost(ctxError(ctx), true)"},
		},
	},
	{
		name: "a receipt is not resolved at the end of its session",
		edits: []edit{
			{"stomp/receipts.go", "\t\t\tended = append(ended, lost{p, !begun})\n", "\t\t\t_ = append(ended, lost{p, !begun})\n"},
		},
	},
	{
		name: "what is lost with its session counts as not written",
		edits: []edit{
			{"stomp/receipts.go", "ended = append(ended, lost{p, !begun})", "ended = append(ended, lost{p, true})"},
		},
	},
	{
		name: "WithRetry does not send again",
		edits: []edit{
			{"stomp/receipts.go", "\t\tcase begun && p.resend != nil:", "\t\tcase begun && p.resend != nil && !begun:"},
		},
	},
	{
		name: "a count of waiters leaks",
		edits: []edit{
			{"stomp/receipts.go", "\tt.waiting--\n", ""},
		},
	},
	{
		name: "a count of receipts leaks",
		edits: []edit{
			{"stomp/receipts.go", "\t\t\tt.asked--\n", ""},
		},
	},
	{
		name: "receipts are not resolved as the Client ends",
		edits: []edit{
			{"stomp/receipts.go", "\t\tp.resolveLost(err, p.ticket.Withdraw())\n\t}\n}\n", "\t\t_ = p.ticket.Withdraw()\n\t}\n}\n"},
		},
	},
	{
		name: "a stalled reader does not go on for whoever waits for an answer",
		edits: []edit{
			{"stomp/stall.go", "return s.env.receipts.isAwaited() || ", "return "},
		},
	},
	{
		name: "a reader does not stop for a full queue",
		edits: []edit{
			{"stomp/stall.go", "if !full.Stalled() || pace == 0", "if true || pace == 0"},
		},
	},
	{
		name: "a frame of a transaction goes out after its end",
		edits: []edit{
			{"stomp/transaction.go", "\tif tx.done {\n\t\treturn ErrTransactionDone\n\t}\n\treturn nil\n}\n\n// keep", "\treturn nil\n}\n\n// keep"},
		},
	},
	{
		name: "Abort does not give acknowledgements back",
		edits: []edit{
			{"stomp/transaction.go", "\ttx.settleAcks(false)\n", "\ttx.settleAcks(true)\n"},
		},
	},
	{
		name: "Commit and Abort both go out",
		edits: []edit{
			{"stomp/transaction.go", "\tif tx.done {\n\t\treturn false\n\t}\n", "\tif tx.done && tx.aborted == abort {\n\t\treturn false\n\t}\n"},
		},
	},
	{
		name: "an ACK goes out after UNSUBSCRIBE",
		edits: []edit{
			{"stomp/ack.go", "\t\tif r.isOver() {\n\t\t\treturn ErrStale\n\t\t}\n\t\tif err := tx.admit()", "\t\tif err := tx.admit()"},
		},
	},
	{
		name: "a frame is acknowledged twice",
		edits: []edit{
			{"stomp/ack.go", "taken == nil {", "taken == nil && r.acks.Add() == 0 {"},
		},
	},
	{
		name: "an ACK that was withdrawn counts",
		edits: []edit{
			{"stomp/ack.go", "\t\tr.acks.Settle(taken, false)\n", "\t\tr.acks.Settle(taken, true)\n"},
		},
	},
	{
		name: "an ACK that was sent is not settled",
		edits: []edit{
			{"stomp/ack.go", "\tdefault:\n\t\tr.acks.Settle(taken, true)\n\t}\n\treturn err", "\t}\n\treturn err"},
		},
	},
	{
		name: "a cumulative ACK leaves earlier frames",
		edits: []edit{
			{"internal/ackset/ackset.go", "append(slices.Clone(s.open[:i]), Span{span.Lo, number}), 0", "append(slices.Clone(s.open[:i]), Span{span.Lo, number}), i"},
		},
		unseen: "consumers here make no other ACK between one in a transaction and its Abort; tests of ackset see it",
	},
	{
		name: "what is put back is out of order",
		edits: []edit{
			{"internal/ackset/ackset.go", "\tslices.SortFunc(s.open, func(a, b Span) int { return cmp.Compare(a.Lo, b.Lo) })\n", "\t_ = cmp.Compare[uint64]\n"},
		},
	},
	{
		name: "what is not accepted is not put back",
		edits: []edit{
			{"internal/ackset/ackset.go", "\tif !accepted {\n\t\ts.restoreLocked(taken)\n\t}\n", "\t_ = accepted\n"},
		},
	},
	{
		name: "a hold is not released",
		edits: []edit{
			{"internal/outbox/outbox.go", "\to.held = false\n", ""},
		},
	},
	{
		name: "senders that wait for room are not woken when the session ends",
		edits: []edit{
			{"internal/outbox/outbox.go", "\troom.Wake()\n\tprogress.Wake()\n}", "\t_ = room\n\tprogress.Wake()\n}"},
		},
	},
	{
		name: "Flush is not woken when the session ends",
		edits: []edit{
			{"internal/outbox/outbox.go", "\troom.Wake()\n\tprogress.Wake()\n}", "\troom.Wake()\n\t_ = progress\n}"},
		},
	},
	{
		name: "a frame that was withdrawn is written",
		edits: []edit{
			{"internal/outbox/outbox.go", "\to.waiting.frames[number-o.taken-1].withdrawn = true\n", ""},
		},
	},
	{
		name: "frames are accepted behind DISCONNECT",
		edits: []edit{
			{"internal/outbox/outbox.go", "\to.closed = e.Last\n", ""},
		},
	},
	{
		name: "Flush is not woken by the write loop",
		edits: []edit{
			{"internal/outbox/handover.go", "\tprogress := o.flushedLocked()\n\to.mu.Unlock()\n\tprogress.Wake()\n", "\t_ = o.flushedLocked()\n\to.mu.Unlock()\n"},
		},
	},
	{
		name: "senders that wait for room are not woken by the writer",
		edits: []edit{
			{"internal/outbox/handover.go", "\troom.Wake()\n\treturn b", "\t_ = room\n\treturn b"},
		},
	},
	{
		name: "a sender that writes forgets to wake the loop",
		edits: []edit{
			{"internal/outbox/handover.go", "\tif wake {\n\t\tnotify.Signal(o.wake)\n\t}\n\tprogress", "\t_ = wake\n\tprogress"},
			{"internal/outbox/handover.go", "\t\"github.com/webstomp/webstomp/internal/notify\"\n", "\t\"github.com/webstomp/webstomp/internal/notify\"\n"},
		},
	},
	{
		name: "the frame under way is carried as well",
		edits: []edit{
			{"internal/outbox/batch.go", "\t\tif number <= w.begun ||", "\t\tif number < w.begun ||"},
		},
	},
	{
		name: "frames that were withdrawn are carried",
		edits: []edit{
			{"internal/outbox/batch.go", "f.withdrawn || !f.carry {", "!f.carry {"},
		},
		unseen: "its ticket says so again on the next session",
	},
	{
		name: "what was begun counts as not begun",
		edits: []edit{
			{"internal/outbox/ticket.go", "\tbegun = t.number <= w.begun\n", "\tbegun = false\n"},
		},
	},
	{
		name: "a stall never ends",
		edits: []edit{
			{"internal/inbox/baton.go", "\t\tin.stalled, room = false, in.room\n", "\t\t\troom = in.room\n"},
		},
	},
	{
		name: "what the feeder had in its hand goes to the end of the queue",
		edits: []edit{
			{"internal/inbox/baton.go", "\t\tin.unpopLocked(it)", "\t\tin.queue.push(it)"},
		},
	},
	{
		name: "what is dropped is not counted",
		edits: []edit{
			{"internal/inbox/inbox.go", "\t\tcase DropNewest:\n\t\t\tin.countDroppedLocked(it)\n", "\t\tcase DropNewest:\n"},
		},
	},
	{
		name: "OverflowBlock does not stall",
		edits: []edit{
			{"internal/inbox/inbox.go", "\t\t\tverdict = in.stallLocked()\n", "\t\t\tverdict = Delivered\n"},
		},
	},
	{
		name: "the queue is passed by when the channel has room",
		edits: []edit{
			{"internal/inbox/inbox.go", "\tif in.baton || in.queue.len() > 0 || !in.fitsLocked(size) {", "\tif in.baton || !in.fitsLocked(size) {"},
		},
		unseen: "the baton is held while the queue holds anything",
	},
	{
		name: "Err is set after the channels are closed",
		edits: []edit{
			{"stomp/close.go", "\tc.err = err\n\tc.framesDropped", "\tc.framesDropped"},
			{"stomp/close.go", "\tc.closeAll(err)\n\tif unwatch", "\tc.closeAll(err)\n\tc.mu.Lock()\n\tc.err = err\n\tc.mu.Unlock()\n\tif unwatch"},
		},
	},
	{
		name: "the user's end is a subscription's failure",
		edits: []edit{
			{"stomp/close.go", "\t\t\tsub.end(nil, false)\n", "\t\t\tsub.end(err, false)\n"},
		},
	},
	{
		name: "StateClosed is not set",
		edits: []edit{
			{"stomp/close.go", "*st = Status{State: StateClosed,", "*st = Status{State: StateReconnecting,"},
		},
	},
	{
		name: "Unmatched is not closed",
		edits: []edit{
			{"stomp/leaving.go", "\tc.unmatched.close()\n", ""},
			{"stomp/close.go", "\t\tc.seeOutUnmatched()\n", ""},
		},
	},
	{
		name: "Done is closed before the goroutines are joined",
		edits: []edit{
			{"stomp/close.go", "\tc.mu.Unlock()\n\tc.running.Wait()\n", "\tc.mu.Unlock()\n"},
		},
		unseen: "they are on their way out: it lasts for a moment",
	},
	{
		name: "what ends with its session goes on",
		edits: []edit{
			{"stomp/supervise.go", "\t\t\tsub.fail(err)\n", "\t\t\t_ = sub.fail\n"},
		},
	},
	{
		name: "DISCONNECT is not sent",
		edits: []edit{
			{"stomp/disconnect.go", "\tif s.disconnecting.CompareAndSwap(false, true) {", "\tif s.disconnecting.CompareAndSwap(false, true) {\n\t\ts.abort(errDisconnected)"},
		},
	},
	{
		name: "Requests wait beyond their session",
		edits: []edit{
			{"stomp/session.go", "\ts.replies.endSession(err)\n", ""},
		},
	},
	{
		name: "a reply goes to another request",
		edits: []edit{
			{"stomp/replies.go", "\tw := rs.waiting[id]\n\tdelete(rs.waiting, id)\n\trs.mu.Unlock()\n\tif w == nil {", "\tw := rs.waiting[id]\n\tfor other, one := range rs.waiting {\n\t\tid, w = other, one\n\t}\n\tdelete(rs.waiting, id)\n\trs.mu.Unlock()\n\tif w == nil {"},
		},
	},
	{
		name: "a call does not go to the next session",
		edits: []edit{
			{"stomp/client.go", "\t\tif err = f(s); !errors.Is(err, errSessionOver) {", "\t\tif err = f(s); err != nil || !errors.Is(err, errSessionOver) {"},
		},
	},
	{
		name: "Confirmed does not wait for the next session",
		edits: []edit{
			{"stomp/confirm.go", "\t\t\t\tif !errors.Is(r.err, ErrConnectionLost) {\n\t\t\t\t\treturn r.err\n\t\t\t\t}", "\t\t\t\treturn r.err"},
		},
	},
	{
		name: "Confirmed says yes whatever the answer",
		edits: []edit{
			{"stomp/confirm.go", "\t\t\t\tif r.err == nil {\n\t\t\t\t\tsub.accept(r)\n\t\t\t\t\treturn nil\n\t\t\t\t}", "\t\t\t\tif r.err != nil || r.err == nil {\n\t\t\t\t\tsub.accept(r)\n\t\t\t\t\treturn nil\n\t\t\t\t}"},
		},
	},
	{
		name: "what an unanswered trial lets go is not subscribed",
		edits: []edit{
			{"stomp/trial.go", "\t\tv.subscribeAll(s, time.Now()) // what passUnanswered has let go\n", ""},
		},
	},
	{
		name: "Release does not follow a trial",
		edits: []edit{
			{"stomp/trial.go", "\tdefer s.out.Release()\n", ""},
		},
	},
	{
		name: "ACKs of an old session go out on the next",
		edits: []edit{
			{"stomp/ack.go", "\tif s == nil || r.isOver() {\n\t\treturn nil, nil, ErrStale\n\t}\n\treturn r, s, nil", "\tc.mu.Lock()\n\tif c.sess != nil {\n\t\ts = c.sess\n\t}\n\tc.mu.Unlock()\n\tif s == nil {\n\t\treturn nil, nil, ErrStale\n\t}\n\treturn r, s, nil"},
			{"stomp/ack.go", "\t\tif r.isOver() {\n\t\t\treturn ErrStale\n\t\t}\n\t\tif err := tx.admit()", "\t\tif err := tx.admit()"},
		},
	},
	{
		name: "what an old session delivered has the new epoch",
		edits: []edit{
			{"stomp/read.go", "\tframe.Epoch, frame.raw = s.epoch, s.dec.Raw()", "\tframe.Epoch, frame.raw = 1, s.dec.Raw()"},
		},
	},
	{
		name: "the watcher of a ctx is not stopped",
		edits: []edit{
			{"stomp/subscription.go", "\tif unwatch != nil {\n\t\tunwatch()\n\t}\n}\n", "\t_ = unwatch\n}\n"},
		},
	},
	{
		name: "SUBSCRIBE is withdrawn although UNSUBSCRIBE is on its way",
		edits: []edit{
			{"stomp/confirm.go", "\tfree := r != nil && sub.farewell == notBegun", "\tfree := r != nil"},
		},
	},
	{
		name: "a session that Reconnect ends says that the Client is closed",
		edits: []edit{
			{"stomp/session.go", "\t\t\treason = errRenewed // the Client", "\t\t\treason = errDisconnected // the Client"},
		},
		unseen: "for a moment only, between two goroutines; its own test holds that up",
	},
	{
		name: "correlation-ids are the same in every session",
		edits: []edit{
			{"stomp/replies.go", "\t\trs.prefix = rand.Text() + \"-\"", "\t\trs.prefix = \"c\""},
		},
	},
	{
		name: "the receipt of Unsubscribe stays",
		edits: []edit{
			{"stomp/unsubscribe.go", "\t\t\tsub.client.receipts.wait(ctx, r) // which", "\t\t\t_ = ctx // which"},
		},
	},
	{
		name: "an id is free before its UNSUBSCRIBE is on its way",
		edits: []edit{
			{"stomp/subscription.go", "sub.ending && sub.farewell == settled, sub.route", "sub.ending, sub.route"},
		},
		unseen: "the window is some microseconds; a test of stomp meets it in 400 rounds",
	},
	{
		name: "a frame that has cost a session is never tried again",
		edits: []edit{
			{"stomp/suspect.go", "\t\t\tx.notBefore = now.Add(trialPause(x.lone.times))", "\t\t\tx.notBefore = now.Add(1000 * time.Hour)"},
		},
	},
	{
		name: "trials follow each other without a pause",
		edits: []edit{
			{"stomp/suspect.go", "\t\t\tx.notBefore = now.Add(trialPause(x.lone.times))", "\t\t\tx.notBefore = now"},
			{"stomp/suspect.go", "\t\t\tv.noTrialBefore = now.Add(shortestPause)", "\t\t\tv.noTrialBefore = now"},
		},
	},
	{
		name: "a subscription that was found guilty goes on",
		edits: []edit{
			{"stomp/suspect.go", "\t\tx.sub.refuse(x.sub.current(), err, true)\n\t\treturn\n", "\t\treturn\n"},
		},
	},
	{
		name: "a SEND that was found guilty is not answered",
		edits: []edit{
			{"stomp/suspect.go", "\tp.resolve(p.failed(err, \"\", false))\n", "\t_ = p.failed\n"},
		},
	},
	{
		name: "a SEND that was found guilty goes on",
		edits: []edit{
			{"stomp/suspect.go", "\trefused := v.refuse(x.send, err)\n", "\trefused := 0\n"},
		},
	},
	{
		name: "SENDs under suspicion are not held back",
		edits: []edit{
			{"stomp/suspect.go", "f.receipt.suspicion != nil && f.receipt.suspicion.held\n\t}\n\tfor", "f.receipt.suspicion != nil && f.receipt.suspicion.held && f.order == 0\n\t}\n\tfor"},
		},
	},
	{
		name: "SENDs under suspicion are forgotten",
		edits: []edit{
			{"stomp/suspect.go", "\t\t\tv.held = append(v.held, f)\n", "\t\t\t_ = append(v.held, f)\n"},
		},
	},
	{
		name: "the end of a trial charges those that were not tried",
		edits: []edit{
			{"stomp/suspect.go", "\tif triedAt.IsZero() {\n\t\treturn list", "\tif triedAt.IsZero() || len(list) < 10_000 {\n\t\treturn list"},
		},
	},
	{
		name: "the end of a trial means what was tried, although answers to others are expected",
		edits: []edit{
			{"stomp/suspect.go", "!x.trying && v.awaitsAnswer(x, triedAt)", "false"},
		},
	},
	{
		name: "a server that is slow to refuse is given no more time",
		edits: []edit{
			{"stomp/belief.go", "min(shortestTrial<<min(unclear, 8), longestTrial)", "shortestTrial"},
		},
	},
	{
		name: "what is tried again with more time begins beside other answers",
		edits: []edit{
			{"stomp/trial.go", "if limit := v.timeFor(trial); limit > shortestTrial {\n\t\tlast", "if limit := v.timeFor(trial); false {\n\t\tlast"},
		},
		unseen: "brokers here reject no SEND without a word while others end sessions; tests of stomp have such",
	},
	{
		name: "what is tried again with more time has as little quiet before it",
		edits: []edit{
			{"stomp/trial.go", "limit > shortestTrial {\n\t\treturn limit", "limit > shortestTrial {\n\t\treturn quietTime"},
		},
		unseen: "what else is unanswered is charged with it, so nothing ends that should not, and as soon",
	},
	{
		name: "what cost sessions before a trial that it has passed still counts",
		edits: []edit{
			{"stomp/trial.go", "\t\tx.passed++\n\t\tx.lone.times = 0\n", "\t\tx.passed++\n"},
		},
		unseen: "no session here is cut during each trial of one subscription; a test of stomp does that",
	},
	{
		name: "what a session that is ending did not take counts as tried",
		edits: []edit{
			{"stomp/trial.go", "\tif !s.out.IsClosed() {\n\t\treturn true", "\tif true {\n\t\treturn true"},
		},
		unseen: "the trial has to fall due in the moment of a Reconnect; a test of stomp has it there",
	},
	{
		name: "every end of a session counts as that of a trial",
		edits: []edit{
			{"stomp/suspect.go", "\t\tif !end.lone && len(list) == 1 && len(v.trial) <= 1 {", "\t\tend.lone, end.clean = true, true\n\t\tif !end.lone && len(list) == 1 && len(v.trial) <= 1 {"},
		},
	},
	{
		name: "what was answered stays charged",
		edits: []edit{
			{"stomp/suspect.go", "\t\tcase sub.isAnsweredOn(s):\n\t\t\tsub.clear()", "\t\tcase sub.isAnsweredOn(s):\n\t\t\t_ = sub.clear"},
			{"stomp/trial.go", "\t\t\tx.sub.clear()\n", "\t\t\t_ = x.sub.clear\n"},
		},
	},
	{
		name: "a trial that was answered counts as held back",
		edits: []edit{
			{"stomp/trial.go", "\tv.endTrial(false)\n", "\tv.endTrial(true)\n"},
		},
	},
	{
		name: "senders do not wait for a trial",
		edits: []edit{
			{"stomp/trial.go", "\ts.out.Hold()\n", "\t_ = s.out.Hold\n"},
		},
		unseen: "they pause for long enough here; a test of stomp has one that does not",
	},
	{
		name: "the answer to a trial is not awaited",
		edits: []edit{
			{"stomp/trial.go", "\t\tif !v.awaitTrial(s, until) {", "\t\tif !v.awaitTrial(s, time.Now()) {"},
		},
	},
	{
		name: "there is one trial a session",
		edits: []edit{
			{"stomp/trial.go", "\t\tat, ok := v.nextDue()\n\t\tif !ok || !s.sleep(at) {", "\t\tat, ok := v.nextDue()\n\t\tif !ok || v.trialSize > 1 || !s.sleep(at) {"},
		},
	},
	{
		name: "where no SUBSCRIBE is answered the rest waits for its turn",
		edits: []edit{
			{"stomp/trial.go", "\t\t\tx.held = false\n\t\t\tx.sub.holdBack(nil)\n", "\t\t\t_ = x.held\n"},
		},
		unseen: "it comes within a minute all the same; a test of stomp counts the seconds",
	},
	{
		name: "a count of what is held back leaks",
		edits: []edit{
			{"stomp/receipts.go", "\t\tif p.held {\n\t\t\tt.held--\n\t\t}\n", ""},
		},
	},
	{
		name: "what had arrived is dropped when a session ends that its subscription ends with",
		edits: []edit{
			{"stomp/subscription.go", "\tleaving := sub.cfg.ack == AckAuto && ", "\tleaving := sub.cfg.ack != AckAuto && "},
		},
	},
	{
		name: "the Client's end does not wait for consumers",
		edits: []edit{
			{"stomp/leaving.go", "\tcase <-sub.client.life.Done():\n\t}", "\tcase <-sub.client.life.Done():\n\t\treturn\n\t}"},
		},
	},
	{
		name: "the Client waits for ever for a consumer that takes nothing",
		edits: []edit{
			{"stomp/leaving.go", "\t\tif now == before {", "\t\tif now < before {"},
		},
	},
	{
		name: "Close waits for consumers",
		edits: []edit{
			{"stomp/leaving.go", "\tfor _, sub := range subs {\n\t\tsub.inbox.End()\n", "\tfor _, sub := range subs {\n\t\t_ = sub.inbox.End\n"},
		},
	},
	{
		name: "Drain does not wait for a subscription that is leaving",
		edits: []edit{
			{"stomp/close.go", "\tsubs = append(subs, c.leavingLocked()...)\n", ""},
		},
	},
	{
		name: "Unsubscribe waits again for what a server has left out",
		edits: []edit{
			{"stomp/receipts.go", "\tt.unanswered |= p.command\n", ""},
		},
	},
	{
		name: "Unsubscribe waits for servers that send no receipts",
		edits: []edit{
			{"stomp/receipts.go", "\treturn t.answeredTo&command != 0 || t.answered && t.unanswered&command == 0\n", "\treturn t.unanswered&command == 0\n"},
		},
	},
	{
		name: "Disconnect waits for receipts that nobody asked for",
		edits: []edit{
			{"stomp/receipts.go", "\tif t.asked == 0 {\n\t\treturn nil\n\t}\n\tfor", "\tfor"},
			{"stomp/receipts.go", "\t\tif p.asked && (!sent", "\t\tif (!sent"},
		},
	},
	{
		name: "a function that ignores its ctx holds up the call",
		edits: []edit{
			{"stomp/user_call.go", "\tgrace := time.NewTimer(leaveGrace)", "\tgrace := time.NewTimer(1000 * leaveGrace)"},
		},
	},
	{
		name: "a function is asked again before it has returned",
		edits: []edit{
			{"stomp/user_call.go", "\t\tdefer c.settle()\n", "\t\tdefer c.settle()\n\t\tturn := make(chan struct{}, 1)\n"},
		},
	},
	{
		name: "SUBSCRIBE goes out without the entries that were asked for",
		edits: []edit{
			{"stomp/ask_header.go", "\tcase late && (err", "\tcase late && err == errLeft:\n\t\treturn nil, nil\n\tcase late && (err"},
		},
	},
	{
		name: "a function is asked once a session",
		edits: []edit{
			{"stomp/ask_header.go", "\t\t\tif !s.sleep(time.Now().Add(s.env.cfg.backoff.delay(n))) {\n\t\t\t\treturn nil\n\t\t\t}", "\t\t\tif n > 0 {\n\t\t\t\treturn nil\n\t\t\t}"},
		},
	},
	{
		name: "reply queues are never ended",
		edits: []edit{
			{"stomp/replies.go", "\t\tif len(rs.idle) > idleReplyQueues {", "\t\tif len(rs.idle) > 1000*idleReplyQueues {"},
		},
	},
	{
		name: "a reply queue that is used again is ended",
		edits: []edit{
			{"stomp/replies.go", "\tif q.users++; q.users == 1 {", "\tif q.users++; q.users < 1 {"},
		},
	},
	{
		name: "a reply queue is opened again before its UNSUBSCRIBE",
		edits: []edit{
			{"stomp/replies.go", "\t\t\trs.queues[old.name] = &replyQueue{name: old.name, ready: ended}\n", "\t\t\tdelete(rs.queues, old.name)\n\t\t\trs.mu.Unlock()\n\t\t\tfor range 10_000 {\n\t\t\t\trs.count() // takes time\n\t\t\t}\n\t\t\trs.mu.Lock()\n"},
		},
	},
	{
		name: "a reply queue that was ended passes for open",
		edits: []edit{
			{"stomp/replies.go", "\t\tdelete(rs.queues, old.name)\n\t\trs.mu.Unlock()\n\t\tclose(ended)", "\t\trs.mu.Unlock()\n\t\tclose(ended)"},
		},
	},
	{
		name: "a message that was cut short passes for complete",
		edits: []edit{
			{"internal/ws/read.go", "\t\tcase err == io.EOF && c.b.in.failure() == nil:", "\t\tcase err == io.EOF:"},
		},
		unseen: "its frame lacks the NUL, which the decoder waits for; tests of ws see it",
	},
	{
		name: "a server hands out what is masked",
		edits: []edit{
			{"internal/ws/read.go", "\t\t\tif n == 0 || !c.client { //", "\t\t\tif n == 0 { //"},
		},
	},
	{
		name: "a SUBSCRIBE of the session before counts as not written",
		edits: []edit{
			{"stomp/subscription.go", "\tsub.sentBefore = sub.sentBefore || sub.subscribeSent\n", ""},
		},
		unseen: "here once in ten thousand runs, which is how it was found; a test of stomp has the case",
	},
	{
		name: "a subscription that the broker cancels is not asked for again",
		edits: []edit{
			{"stomp/resubscribe.go", "\t\t\ta.ask(ctx)\n", "\t\t\t_ = a.ask\n"},
		},
	},
	{
		name: "RabbitMQ is asked on the session itself",
		edits: []edit{
			{"stomp/scout.go", "\tif s.server.endsOverSubscribe {\n\t\treturn true\n\t}", "\tif s.server.endsOverSubscribe {\n\t\treturn false\n\t}"},
		},
	},
	{
		name: "attempts to subscribe again are not counted",
		edits: []edit{
			{"stomp/resubscribe.go", "\ta.attempts++\n", ""},
		},
	},
	{
		name: "a subscription that has ended is asked for again",
		edits: []edit{
			{"stomp/resubscribe.go", "\tif stop != nil {\n\t\tstop()\n\t}", "\t_ = stop"},
		},
	},
	{
		name: "Restored does not count",
		edits: []edit{
			{"stomp/resubscribe.go", "\t\ta.restored++\n", ""},
		},
	},
	{
		name: "a subscription that waits is restored with all others",
		edits: []edit{
			{"stomp/subscription.go", "sub.waitsFor == nil && !sub.again.waitsLocked() &&", "sub.waitsFor == nil &&"},
		},
	},
	{
		name: "UNSUBSCRIBE is sent to a broker that does not have the subscription",
		edits: []edit{
			{"stomp/unsubscribe.go", "\tif needed && !sub.withhold(route, cfg) { // if", "\tif needed { // if"},
		},
	},
	{
		name: "a withheld UNSUBSCRIBE is forgotten",
		edits: []edit{
			{"stomp/subscribe.go", "\t\t\tsub.sendWithheld(r)\n", ""},
		},
	},
}
