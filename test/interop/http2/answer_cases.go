package main

import (
	"fmt"

	"golang.org/x/net/http2"
)

const (
	// Larger than the window of a connection is at first, with something to spare.
	largeOctets   = 100_000
	raisedFrame   = 1 << 20
	raisedWindow  = 1 << 20
	reducedWindow = 1000
)

var (
	noWindow     = setting{ID: http2.SettingInitialWindowSize, Val: 0}
	largerFrames = setting{ID: http2.SettingMaxFrameSize, Val: raisedFrame}
)

// answerCases are about answers that do not fit into the windows.
var answerCases = []call{
	{"dribbles", "an answer comes as the client gives room, a few octets at a time (§6.9.1)", on(dribbles, noWindow)},
	{"smaller-window", "a window that becomes negative stops the answer, and back again lets it go on (§6.9.2)", on(smallerWindow)},
	{"one-octet", "of several sizes in one SETTINGS the last one holds, also for calls under way (§6.5.3, §6.9.2)", on(oneOctet, noWindow)},
	{"priority", "PRIORITY is taken at any time, and changes nothing (§5.3.2)", on(priority)},
	{"stalled", "a call without room does not hold up others (§5.2)", on(stalled)},
	{"frame-size", "frames of answers keep to 16,384 octets (§4.2)", on(frameSize)},
	{"larger-frames", "a client that takes larger frames has its answer as well (§4.2)", on(frameSize, largerFrames)},
	{"go-away-mid-answer", "an answer under way goes on after the client's GOAWAY (§6.8)", on(goAwayMidAnswer)},
	{"cancelled-answers", "answers that are cancelled in their middle do not use up the connection (§6.9.1)", on(cancelledAnswers)},
}

// isLarge waits for an answer, and looks at its size.
func (c *client) isLarge(on *stream, in world) error {
	if err := c.answered(on, in.spiffeID); err != nil {
		return err
	}
	if len(on.data) < largeOctets {
		return fmt.Errorf("an answer of only %d octets", len(on.data))
	}
	return nil
}

// pause leaves the server time to send what it may, and must not.
func (c *client) pause() error {
	for range 3 {
		if err := c.barrier(); err != nil {
			return err
		}
	}
	return nil
}

func dribbles(c *client, in world) error {
	c.isStingy = true
	call, err := c.fetch(0)
	if err != nil {
		return err
	}
	increments := []uint32{1, 1, 2, 3, 5, 7, 100, 1000, 5000, 16_384, 16_385}
	for at := 0; ; at++ {
		if err := c.pause(); err != nil {
			return err
		}
		if _, isWhole := call.message(); isWhole || call.isOver() {
			return c.isLarge(call, in)
		}
		const most = 1000
		if at == most {
			return fmt.Errorf("no end: %v", call)
		}
		increment := increments[at%len(increments)]
		if err := c.credit(call, increment); err != nil {
			return err
		}
		if at%2 == 0 && c.window < int64(increment) {
			err = c.credit(nil, increment)
		}
		if err != nil {
			return err
		}
	}
}

func smallerWindow(c *client, in world) error {
	c.isStingy = true
	if err := c.credit(nil, raisedWindow); err != nil {
		return err
	}
	call, err := c.fetch(0)
	if err != nil {
		return err
	}
	if err := c.until("a window full of data", func() bool { return call.window == 0 }); err != nil {
		return err
	}
	if err := c.set(setting{ID: http2.SettingInitialWindowSize, Val: reducedWindow}); err != nil {
		return err
	}
	if err := c.pause(); err != nil {
		return err
	}
	if call.window != reducedWindow-defaultWindow {
		return fmt.Errorf("a window of %d", call.window)
	}
	// Up to nothing, then a little more than that: whatever comes too early breaks the window.
	for _, increment := range []uint32{defaultWindow - reducedWindow - 1, 1, 10} {
		if err := c.credit(call, increment); err != nil {
			return err
		}
		if err := c.pause(); err != nil {
			return err
		}
	}
	if err := c.set(setting{ID: http2.SettingInitialWindowSize, Val: raisedWindow}); err != nil {
		return err
	}
	return c.isLarge(call, in)
}

func oneOctet(c *client, in world) error {
	c.isStingy = true
	if err := c.credit(nil, raisedWindow); err != nil {
		return err
	}
	call, err := c.fetch(0)
	if err != nil {
		return err
	}
	if err := c.pause(); err != nil {
		return err
	}
	for _, sizes := range [][]uint32{{100, 1}, {raisedWindow, 2}} {
		// What reads data knows of the last size only, and is not content with more.
		var settings []setting
		for _, each := range sizes {
			settings = append(settings, setting{ID: http2.SettingInitialWindowSize, Val: each})
		}
		if err := c.set(settings...); err != nil {
			return err
		}
		size := int(sizes[len(sizes)-1])
		if err := c.until("as much as there is room for", func() bool { return len(call.data) >= size }); err != nil {
			return err
		}
		if err := c.pause(); err != nil {
			return err
		}
	}
	if err := c.set(setting{ID: http2.SettingInitialWindowSize, Val: raisedWindow}); err != nil {
		return err
	}
	return c.isLarge(call, in)
}

func priority(c *client, in world) error {
	c.isStingy = true
	rank := func(stream uint32) error {
		return c.framer.WritePriority(stream, http2.PriorityParam{StreamDep: 0, Exclusive: true, Weight: 255})
	}
	call, err := c.fetch(0)
	if err != nil {
		return err
	}
	for _, id := range []uint32{call.id, call.id + 2, call.id + 100} {
		if err := rank(id); err != nil {
			return err
		}
	}
	if err := c.until("a window full of data", func() bool { return call.window == 0 }); err != nil {
		return err
	}
	if err := rank(call.id); err != nil {
		return err
	}
	for _, each := range []*stream{nil, call} {
		if err := c.credit(each, raisedWindow); err != nil {
			return err
		}
	}
	if err := c.isLarge(call, in); err != nil {
		return err
	}
	if err := c.cancel(call); err != nil {
		return err
	}
	if err := rank(call.id); err != nil {
		return err
	}
	c.isStingy = false
	return c.isAlive(in)
}

func stalled(c *client, in world) error {
	c.isStingy = true
	if err := c.credit(nil, raisedWindow); err != nil {
		return err
	}
	waiting, err := c.fetch(0)
	if err != nil {
		return err
	}
	if err := c.until("a window full of data", func() bool { return waiting.window == 0 }); err != nil {
		return err
	}
	other, err := c.fetch(0)
	if err != nil {
		return err
	}
	if err := c.credit(other, raisedWindow); err != nil {
		return err
	}
	if err := c.isLarge(other, in); err != nil {
		return err
	}
	if err := c.credit(waiting, raisedWindow); err != nil {
		return err
	}
	return c.isLarge(waiting, in)
}

func frameSize(c *client, in world) error {
	call, err := c.fetch(0)
	if err != nil {
		return err
	}
	// What reads frames also looks at their size.
	return c.isLarge(call, in)
}

func goAwayMidAnswer(c *client, in world) error {
	c.isStingy = true
	call, err := c.fetch(0)
	if err != nil {
		return err
	}
	if err := c.until("a window full of data", func() bool { return call.window == 0 }); err != nil {
		return err
	}
	if err := c.framer.WriteGoAway(0, http2.ErrCodeNo, nil); err != nil {
		return err
	}
	if err := c.pause(); err != nil {
		return err
	}
	for _, each := range []*stream{nil, call} {
		if err := c.credit(each, raisedWindow); err != nil {
			return err
		}
	}
	return c.isLarge(call, in)
}

func cancelledAnswers(c *client, in world) error {
	for range 50 {
		call, err := c.fetch(0)
		if err != nil {
			return err
		}
		if err := c.until("the beginning of an answer", func() bool { return len(call.data) > 0 || call.isOver() }); err != nil {
			return err
		}
		if err := c.cancel(call); err != nil {
			return err
		}
	}
	call, err := c.fetch(0)
	if err != nil {
		return err
	}
	return c.isLarge(call, in)
}
