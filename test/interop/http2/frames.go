package main

import (
	"fmt"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// take reads one frame of the server into what is known.
func (c *client) take(frame http2.Frame) error {
	head := frame.Header()
	if head.Length > c.frameSize {
		return fmt.Errorf("a frame of %d octets, %d are allowed", head.Length, c.frameSize)
	}
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		return c.takeSettings(frame)
	case *http2.WindowUpdateFrame:
		if head.StreamID == 0 {
			c.sendWindow += int64(frame.Increment)
		} else if on := c.streams[head.StreamID]; on != nil {
			on.sendWindow += int64(frame.Increment)
		}
	case *http2.PingFrame:
		if !frame.IsAck() {
			return c.framer.WritePing(true, frame.Data)
		}
		c.pongs = append(c.pongs, frame.Data)
	case *http2.GoAwayFrame:
		copied := *frame
		c.goAway = &copied
	case *http2.HeadersFrame:
		c.block = append([]byte{}, frame.HeaderBlockFragment()...)
		return c.takeBlock(head.StreamID, frame.HeadersEnded(), frame.StreamEnded())
	case *http2.ContinuationFrame:
		c.block = append(c.block, frame.HeaderBlockFragment()...)
		return c.takeBlock(head.StreamID, frame.HeadersEnded(), false)
	case *http2.DataFrame:
		return c.takeData(frame)
	case *http2.RSTStreamFrame:
		if on := c.streams[head.StreamID]; on != nil {
			on.reset = &frame.ErrCode
		}
	}
	return nil
}

func (c *client) takeSettings(frame *http2.SettingsFrame) error {
	if !frame.IsAck() {
		c.isGreeted = true
		frame.ForeachSetting(func(setting http2.Setting) error {
			if setting.ID == http2.SettingInitialWindowSize {
				for _, each := range c.streams {
					each.sendWindow += int64(setting.Val) - int64(c.settings[setting.ID])
				}
			}
			c.settings[setting.ID] = setting.Val
			return nil
		})
		return c.framer.WriteSettingsAck()
	}
	if len(c.promised) == 0 {
		return fmt.Errorf("an acknowledgement of no SETTINGS")
	}
	said := c.promised[0]
	c.promised = c.promised[1:]
	c.acknowledged++
	if window, is := said[http2.SettingInitialWindowSize]; is {
		c.resize(int64(window))
	}
	if table, is := said[http2.SettingHeaderTableSize]; is {
		c.decoder.SetAllowedMaxDynamicTableSize(table)
		c.allowedTable = table
	}
	return nil
}

func (c *client) takeBlock(id uint32, isWhole, endsStream bool) error {
	on := c.streams[id]
	if on == nil {
		return fmt.Errorf("headers on stream %d, which is nobody's", id)
	}
	on.isEnded = on.isEnded || endsStream
	if !isWhole {
		return nil
	}
	c.readTableSize()
	if c.table > c.allowedTable {
		return fmt.Errorf("headers with a table of %d octets, %d are allowed (RFC 9113 §4.3.1)", c.table, c.allowedTable)
	}
	fields, err := c.decoder.DecodeFull(c.block)
	if err != nil {
		return fmt.Errorf("headers that cannot be read: %w", err)
	}
	on.fields = append(on.fields, fields...)
	return nil
}

// readTableSize reads the changes of size at the beginning of a block (RFC 7541 §6.3): integers with a prefix of 5 bits.
func (c *client) readTableSize() {
	for at := 0; at < len(c.block) && c.block[at]&0xe0 == 0x20; {
		size := uint32(c.block[at] & 0x1f)
		at++
		for shift := 0; size >= 0x1f && at < len(c.block); shift += 7 {
			octet := c.block[at]
			size += uint32(octet&0x7f) << shift
			at++
			if octet < 0x80 {
				break
			}
		}
		c.table = size
	}
}

func (c *client) takeData(frame *http2.DataFrame) error {
	length := int64(frame.Length)
	c.window -= length
	if c.window < 0 {
		return fmt.Errorf("%d octets more than the window of the connection", -c.window)
	}
	on := c.streams[frame.StreamID]
	if on == nil {
		return fmt.Errorf("data on stream %d, which is nobody's", frame.StreamID)
	}
	on.window -= length
	if on.window < 0 && length > 0 {
		return fmt.Errorf("%d octets more than the window of the stream", -on.window)
	}
	on.data = append(on.data, frame.Data()...)
	on.isEnded = on.isEnded || frame.StreamEnded()
	if c.isStingy || length == 0 {
		return nil
	}
	if err := c.credit(nil, uint32(length)); err != nil || on.isEnded || on.isCancelled {
		return err
	}
	return c.credit(on, uint32(length))
}

func field(name, value string) hpack.HeaderField { return hpack.HeaderField{Name: name, Value: value} }
