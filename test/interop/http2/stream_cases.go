package main

import (
	"fmt"

	"golang.org/x/net/http2"
)

const (
	lastStream    = 1<<31 - 1
	resets        = 1000
	callsAtOnce   = 20
	fewestStreams = 100
)

// streamCases are about how calls begin and end.
var streamCases = []call{
	{"last-streams", "stream identifiers may be used up to the last one (§5.1.1)", on(lastStreams)},
	{"resets", "a client that cancels 1,000 calls after their first message keeps its connection", on(manyResets)},
	{"concurrency", "one stream too many is refused, and no other one (§5.1.2)", on(concurrency)},
	{"go-away", "calls under way go on after the client's GOAWAY (§6.8)", on(clientGoesAway)},
}

// stopCases end the server.
var stopCases = []call{
	{"stop", "an agent that stops ends calls with their status, says GOAWAY and closes (§6.8)", on(serverStops)},
}

func lastStreams(c *client, in world) error {
	for _, id := range []uint32{1, 1<<30 + 1, lastStream - 2, lastStream} {
		c.nextStream = id
		if err := c.isAlive(in); err != nil {
			return err
		}
	}
	if c.goAway != nil {
		return fmt.Errorf("GOAWAY %s", c.goAway.ErrCode)
	}
	// There are no more: this is one of those that were passed over.
	c.nextStream = lastStream - 4
	call, err := c.fetch(0)
	if err != nil {
		return err
	}
	if err := c.until("end of the connection", func() bool { return c.goAway != nil || call.isOver() }); err != nil {
		return err
	}
	if c.goAway == nil || c.goAway.ErrCode != http2.ErrCodeProtocol || c.goAway.LastStreamID != lastStream {
		return fmt.Errorf("%v, and GOAWAY is %v", call, c.goAway)
	}
	return nil
}

func manyResets(c *client, in world) error {
	for range resets / callsAtOnce {
		var open []*stream
		for range callsAtOnce {
			call, err := c.fetch(0)
			if err != nil {
				return err
			}
			open = append(open, call)
		}
		for _, each := range open {
			if err := c.answered(each, in.spiffeID); err != nil {
				return err
			}
			if err := c.cancel(each); err != nil {
				return err
			}
		}
		c.forget(open...)
	}
	if err := c.barrier(); err != nil {
		return err
	}
	if c.goAway != nil {
		return fmt.Errorf("GOAWAY %s", c.goAway.ErrCode)
	}
	return c.isAlive(in)
}

func concurrency(c *client, in world) error {
	limit := int(c.settings[http2.SettingMaxConcurrentStreams])
	if limit < fewestStreams {
		return fmt.Errorf("%d streams at once are allowed, §6.5.2 recommends %d", limit, fewestStreams)
	}
	var open []*stream
	for range limit {
		call, err := c.fetch(0)
		if err != nil {
			return err
		}
		open = append(open, call)
	}
	// Its headers are new to the table, which has to be kept in step all the same.
	surplus, err := c.begin(field("x-surplus", "one"))
	if err != nil {
		return err
	}
	if err := c.until("refusal of one too many", surplus.isOver); err != nil {
		return err
	}
	if surplus.reset == nil || *surplus.reset != http2.ErrCodeRefusedStream {
		return fmt.Errorf("one too many: %v", surplus)
	}
	for _, each := range open {
		if err := c.answered(each, in.spiffeID); err != nil {
			return err
		}
	}
	if err := c.cancel(open[0]); err != nil {
		return err
	}
	return c.isAlive(in)
}

func clientGoesAway(c *client, in world) error {
	call, err := c.begin()
	if err != nil {
		return err
	}
	if err := c.framer.WriteGoAway(0, http2.ErrCodeNo, []byte("bye")); err != nil {
		return err
	}
	if err := c.barrier(); err != nil {
		return err
	}
	if err := c.send(call, requestOf(0), -1, true); err != nil {
		return err
	}
	return c.answered(call, in.spiffeID)
}

func serverStops(c *client, in world) error {
	const unavailable = "14"
	var open []*stream
	for range 3 {
		call, err := c.fetch(0)
		if err != nil {
			return err
		}
		if err := c.answered(call, in.spiffeID); err != nil {
			return err
		}
		open = append(open, call)
	}
	if err := in.ask("stop"); err != nil {
		return err
	}
	for _, each := range open {
		if err := c.until("end of a call", each.isOver); err != nil {
			return fmt.Errorf("%v: %w", each, err)
		}
		if each.reset != nil || each.header("grpc-status") != unavailable {
			return fmt.Errorf("not Unavailable: %v", each)
		}
	}
	if err := c.until("GOAWAY", func() bool { return c.goAway != nil }); err != nil {
		return err
	}
	if c.goAway.ErrCode != http2.ErrCodeNo || c.goAway.LastStreamID < open[len(open)-1].id {
		return fmt.Errorf("%v", c.goAway)
	}
	return c.until("end of the connection", func() bool { return c.isClosed })
}
