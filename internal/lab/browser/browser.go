// Package browser drives a real Chromium from Debian's packages, for tests of what people see. It speaks the DevTools
// protocol (https://chromedevtools.github.io/devtools-protocol/) over a pipe, so that nothing listens anywhere.
package browser

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sealmilter/internal/lab"
)

// Browser is a headless Chromium with one page. Its methods are not for concurrent use.
type Browser struct {
	*wire
	process *lab.Process
	profile string
	session string
}

// Start unpacks Chromium and a font, if they are not there yet, and starts it with an empty page. Progress gets one line
// per step; nil discards them. The caller closes it.
func Start(ctx context.Context, progress io.Writer) (*Browser, error) {
	tree, err := lab.Unpack(ctx, progress, "chromium-headless-shell", "fonts-dejavu-core")
	if err != nil {
		return nil, err
	}
	profile, err := os.MkdirTemp("", "sealmilter-browser-")
	if err != nil {
		return nil, fmt.Errorf("start a browser: %w", err)
	}
	b, err := start(ctx, tree, profile)
	if err != nil {
		os.RemoveAll(profile)
		return nil, fmt.Errorf("start a browser: %w", err)
	}
	return b, nil
}

func start(ctx context.Context, tree lab.Tree, profile string) (*Browser, error) {
	fonts := filepath.Join(profile, "fonts.conf")
	text := fmt.Sprintf("<?xml version=\"1.0\"?>\n<fontconfig><dir>%s</dir><cachedir>%s</cachedir></fontconfig>\n",
		tree.Path("/usr/share/fonts"), filepath.Join(profile, "fonts"))
	if err := os.WriteFile(fonts, []byte(text), 0o600); err != nil {
		return nil, err
	}
	// As Chromium has it: it reads from descriptor 3 and writes to 4.
	in, toBrowser, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	fromBrowser, out, err := os.Pipe()
	if err != nil {
		in.Close()
		toBrowser.Close()
		return nil, err
	}
	// No context ends it: it would do so before the end of the process that reaps it.
	cmd := tree.Command(context.WithoutCancel(ctx), "/usr/lib/chromium/chromium-headless-shell",
		"--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
		"--hide-scrollbars", "--no-first-run", "--no-proxy-server", "--user-data-dir="+profile, "about:blank")
	cmd.ExtraFiles = []*os.File{in, out}
	cmd.Env = append(cmd.Env, "FONTCONFIG_FILE="+fonts, "HOME="+profile)
	if libraries := tree.LibraryPath(); libraries != "" {
		more, _ := filepath.Glob(tree.Path("/usr/lib/*-linux-gnu*/pulseaudio")) // the only error is a bad pattern
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+strings.Join(append(more, libraries), ":"))
	}
	process, err := lab.StartProcess(cmd)
	in.Close()
	out.Close()
	if err != nil {
		toBrowser.Close()
		fromBrowser.Close()
		return nil, err
	}
	b := &Browser{wire: newWire(fromBrowser, toBrowser), process: process, profile: profile}
	if err := b.attach(ctx); err != nil {
		log := process.Log()
		b.Close()
		return nil, fmt.Errorf("%w; it printed:\n%s", err, log)
	}
	return b, nil
}

// attach opens the session of the one page.
func (b *Browser) attach(ctx context.Context) error {
	var target struct{ TargetID string }
	if err := b.call(ctx, "", "Target.createTarget", params{"url": "about:blank"}, &target); err != nil {
		return err
	}
	var session struct{ SessionID string }
	if err := b.call(ctx, "", "Target.attachToTarget", params{"targetId": target.TargetID, "flatten": true}, &session); err != nil {
		return err
	}
	b.session = session.SessionID
	for _, domain := range []string{"Page.enable", "Network.enable", "Log.enable"} {
		if err := b.do(ctx, domain, nil); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the browser and removes what it has written.
func (b *Browser) Close() error {
	b.process.Kill()
	b.wire.close()
	return os.RemoveAll(b.profile)
}

// do is call for the page, without a result.
func (b *Browser) do(ctx context.Context, method string, p params) error {
	return b.call(ctx, b.session, method, p, nil)
}
