package main

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// The octets before a message of gRPC.
const prefixBytes = 5

// stream is one call.
type stream struct {
	id          uint32
	window      int64
	sendWindow  int64
	fields      []hpack.HeaderField
	data        []byte
	isEnded     bool
	isCancelled bool
	reset       *http2.ErrCode
}

// begin opens a call of FetchX509SVID, with more headers if there are to be any, and leaves it to the case to send a message.
func (c *client) begin(more ...hpack.HeaderField) (*stream, error) {
	opened := &stream{
		id: c.nextStream, window: c.initialWindow, sendWindow: int64(c.settings[http2.SettingInitialWindowSize]),
	}
	c.nextStream += 2
	c.streams[opened.id] = opened
	fields := []hpack.HeaderField{
		field(":method", "POST"), field(":scheme", "http"), field(":path", fetchX509SVID), field(":authority", "localhost"),
		field("content-type", "application/grpc"), field("te", "trailers"), field("workload.spiffe.io", "true"),
	}
	return opened, c.headers(opened, false, append(fields, more...)...)
}

func (c *client) headers(on *stream, endsStream bool, fields ...hpack.HeaderField) error {
	c.encoded.Reset()
	for _, each := range fields {
		if err := c.encoder.WriteField(each); err != nil {
			return err
		}
	}
	return c.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: on.id, BlockFragment: c.encoded.Bytes(), EndHeaders: true, EndStream: endsStream,
	})
}

// send writes data as soon as the server allows it: a whole frame of it, the padding included.
func (c *client) send(on *stream, data []byte, padding int, endsStream bool) error {
	length := int64(len(data))
	if padding >= 0 {
		length += int64(padding) + 1
	}
	what := fmt.Sprintf("room for %d octets", length)
	if err := c.until(what, func() bool { return c.sendWindow >= length && on.sendWindow >= length }); err != nil {
		return err
	}
	c.sendWindow -= length
	on.sendWindow -= length
	if padding < 0 {
		return c.framer.WriteData(on.id, endsStream, data)
	}
	return c.framer.WriteDataPadded(on.id, endsStream, data, make([]byte, padding))
}

// fetch makes a whole call with a request of so many octets, and does not wait for the answer.
func (c *client) fetch(octets int) (*stream, error) {
	opened, err := c.begin()
	if err != nil {
		return nil, err
	}
	return opened, c.send(opened, requestOf(octets), -1, true)
}

func (c *client) cancel(on *stream) error {
	on.isCancelled = true
	return c.framer.WriteRSTStream(on.id, http2.ErrCodeCancel)
}

// forget drops what is known of streams that nothing is due on any more.
func (c *client) forget(streams ...*stream) {
	for _, each := range streams {
		each.data = nil
	}
}

// requestOf is a request of the Workload API whose message has so many octets, all of them in a field that nobody knows; 0 is
// the request that workloads send.
func requestOf(octets int) []byte {
	const tag = 0x7a
	message := []byte{}
	if octets > 0 {
		message = append(message, tag, byte(octets)|0x80, byte(octets>>7))
		message = append(message, make([]byte, octets)...)
	}
	request := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(request, message...)
}

// message is the first one of an answer, once it is whole.
func (s *stream) message() ([]byte, bool) {
	if len(s.data) < prefixBytes {
		return nil, false
	}
	end := prefixBytes + int(binary.BigEndian.Uint32(s.data[1:]))
	return s.data[prefixBytes:min(end, len(s.data))], len(s.data) >= end
}

func (s *stream) header(name string) string {
	for _, each := range s.fields {
		if each.Name == name {
			return each.Value
		}
	}
	return ""
}

// isOver tells whether nothing more comes on it.
func (s *stream) isOver() bool { return s.isEnded || s.reset != nil }

func (s *stream) String() string {
	outcome := "open"
	switch {
	case s.reset != nil:
		outcome = fmt.Sprintf("reset with %s", *s.reset)
	case s.isEnded:
		outcome = fmt.Sprintf("ended with status %q, %q", s.header("grpc-status"), s.header("grpc-message"))
	}
	return fmt.Sprintf("stream %d, %s, with %d octets", s.id, outcome, len(s.data))
}

// answered waits for the first message of a call, and looks whether it is for us.
func (c *client) answered(on *stream, spiffeID string) error {
	isThere := func() bool {
		_, isWhole := on.message()
		return isWhole || on.isOver()
	}
	if err := c.until("answer", isThere); err != nil {
		return fmt.Errorf("%v: %w", on, err)
	}
	message, isWhole := on.message()
	if !isWhole || !bytes.Contains(message, []byte(spiffeID)) || on.header(":status") != "200" {
		return fmt.Errorf("not the answer that was expected: %v", on)
	}
	return nil
}
