package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// The pieces of work. A worker connects, warms up with a tenth of the messages,
// and measures the rest: from the first call to the last message or receipt.
const (
	workReceive = "receive" // a flood of messages
	workSend    = "send"    // messages without receipts; the last one's receipt tells that all arrived
	workEcho    = "echo"    // one message and its answer at a time
	workTopic   = "topic"   // publish to a topic, and receive what is published: in and out count as one
)

// task is what a worker is told, as JSON in the environment.
type task struct {
	Work     string `json:"work"`
	URL      string `json:"url"`
	Login    string `json:"login"`
	Passcode string `json:"passcode"`
	Messages int    `json:"messages"` // without those of the warming up
	WarmUp   int    `json:"warmUp"`
	Size     int    `json:"size"` // bytes of a body
}

// taskVariable is the environment variable that makes a program a worker.
const taskVariable = "WEBSTOMP_RIVAL_TASK"

// figures are what a worker measured, and says on its standard output as JSON.
type figures struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu"` // seconds, user and system, of its process; below 0: the system does not tell
}

// patience bounds one piece of work: a client that hangs does not keep the
// others from their turn for ever.
const patience = 10 * time.Minute

// run has a contender do a piece of work, in a process of its own.
func (c contender) run(ctx context.Context, t task) (f figures, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s, %s: %w", c.name, t.Work, err)
		}
	}()
	text, err := json.Marshal(t)
	if err != nil {
		return f, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.command[0], c.command[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(cmd.Environ(), taskVariable+"="+string(text))
	cmd.WaitDelay = time.Second // for what it may have started and left behind
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return f, fmt.Errorf("it was not done when the wait for it ended: %w", ctx.Err())
	}
	if err != nil {
		return f, fmt.Errorf("%w\n%s", err, strings.TrimSpace(complaints.String()))
	}
	if err := json.Unmarshal(out, &f); err != nil {
		return f, fmt.Errorf("it said %q, which are no figures: %w", out, err)
	}
	return f, nil
}
