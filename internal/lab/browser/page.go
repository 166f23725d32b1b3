package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Look is how a page is looked at.
type Look struct {
	Width, Height int // of the window, in CSS pixels
	Dark          bool
	// Forced has the browser choose all colours, as people with weak eyes set it.
	Forced bool
}

// Resize changes how the page is looked at.
func (b *Browser) Resize(ctx context.Context, l Look) error {
	scheme, forced := "light", "none"
	if l.Dark {
		scheme = "dark"
	}
	if l.Forced {
		forced = "active"
	}
	if err := b.do(ctx, "Emulation.setDeviceMetricsOverride", params{"width": l.Width, "height": l.Height, "deviceScaleFactor": 1, "mobile": false}); err != nil {
		return err
	}
	return b.do(ctx, "Emulation.setEmulatedMedia", params{"features": []params{{"name": "prefers-color-scheme", "value": scheme},
		{"name": "forced-colors", "value": forced}}})
}

// WithoutScripts has pages run no JavaScript of their own.
func (b *Browser) WithoutScripts(ctx context.Context) error {
	return b.do(ctx, "Emulation.setScriptExecutionDisabled", params{"value": true})
}

// patience bounds the wait for a page, which may never come.
const patience = 20 * time.Second

// Open opens a page and waits until all of it is there.
func (b *Browser) Open(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	mark := b.mark()
	var answer struct{ ErrorText string }
	if err := b.call(ctx, b.session, "Page.navigate", params{"url": url}, &answer); err != nil {
		return err
	}
	if answer.ErrorText != "" {
		return fmt.Errorf("open %s: %s", url, answer.ErrorText)
	}
	return b.await(ctx, mark, "Page.loadEventFired")
}

// Eval evaluates an expression of JavaScript in the page and reads its value. It does so where pages run none of their own,
// too.
func (b *Browser) Eval(ctx context.Context, expression string, into any) error {
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := b.call(ctx, b.session, "Runtime.evaluate", params{"expression": expression, "returnByValue": true}, &answer); err != nil {
		return err
	}
	if e := answer.ExceptionDetails; e != nil {
		return fmt.Errorf("evaluate: %s %s", e.Text, e.Exception.Description)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer.Result.Value, into)
}

// Click clicks with the mouse in the middle of the first element that a CSS selector finds, or of its first line.
func (b *Browser) Click(ctx context.Context, selector string) error {
	var at *struct{ X, Y float64 }
	find := `(() => { const e = document.querySelector(` + strconv.Quote(selector) + `); if (!e) return null;
		e.scrollIntoView({block: "center", behavior: "instant"}); const r = e.getClientRects()[0];
		return {x: r.left + r.width / 2, y: r.top + r.height / 2}; })()`
	if err := b.Eval(ctx, find, &at); err != nil {
		return err
	}
	if at == nil {
		return fmt.Errorf("the page has no %s", selector)
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		if err := b.do(ctx, "Input.dispatchMouseEvent", params{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}); err != nil {
			return err
		}
	}
	return nil
}

// Follow clicks what leads to another page, and waits for that.
func (b *Browser) Follow(ctx context.Context, selector string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	mark := b.mark()
	if err := b.Click(ctx, selector); err != nil {
		return err
	}
	if err := b.await(ctx, mark, "Page.loadEventFired"); err != nil {
		return fmt.Errorf("click %s: %w", selector, err)
	}
	return nil
}

// Type types text into the field that a selector finds.
func (b *Browser) Type(ctx context.Context, selector, text string) error {
	if err := b.Click(ctx, selector); err != nil {
		return err
	}
	return b.do(ctx, "Input.insertText", params{"text": text})
}

// Screenshot returns the whole page as PNG.
func (b *Browser) Screenshot(ctx context.Context) ([]byte, error) {
	var size struct {
		CSSContentSize struct{ Width, Height float64 }
	}
	if err := b.call(ctx, b.session, "Page.getLayoutMetrics", nil, &size); err != nil {
		return nil, err
	}
	var shot struct{ Data []byte }
	err := b.call(ctx, b.session, "Page.captureScreenshot", params{"format": "png", "captureBeyondViewport": true,
		"clip": params{"x": 0, "y": 0, "width": size.CSSContentSize.Width, "height": size.CSSContentSize.Height, "scale": 1}}, &shot)
	return shot.Data, err
}

// Requests returns the URLs of everything that pages have asked for so far.
func (b *Browser) Requests() (all []string) {
	for _, text := range b.events("Network.requestWillBeSent") {
		var e struct{ Request struct{ URL string } }
		if json.Unmarshal(text, &e) == nil {
			all = append(all, e.Request.URL)
		}
	}
	return all
}

// Complaints returns what the browser has said about pages so far, such as that their policy forbids something.
func (b *Browser) Complaints() (all []string) {
	for _, text := range b.events("Log.entryAdded") {
		var e struct {
			Entry struct{ Level, Text, URL string }
		}
		if json.Unmarshal(text, &e) == nil {
			all = append(all, e.Entry.Level+": "+e.Entry.Text+" "+e.Entry.URL)
		}
	}
	return all
}
