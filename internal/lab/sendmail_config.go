package lab

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed sendmail.mc
var sendmailMC string

//go:embed submit.mc
var submitMC string

// makeFolders lays out the files that the configuration names.
func (s *Sendmail) makeFolders(config SendmailConfig) error {
	for _, name := range []string{"dev", "mqueue", "clientmqueue", "dev/sasl"} {
		if err := os.Mkdir(s.path(name), 0o755); err != nil {
			return err
		}
	}
	queue, client := s.path("mqueue"), s.path("clientmqueue")
	statistics := client + "/statistics"
	err := errors.Join(os.Chmod(queue, 0o700),
		os.Chown(client, s.programs.uid, s.programs.gid), os.Chmod(client, 0o770),
		os.WriteFile(statistics, nil, 0o600), os.Chown(statistics, s.programs.uid, s.programs.gid))
	if err != nil {
		return err
	}
	// The package's program is set-group-ID, so it would not look for its libraries where it is told.
	program, err := os.ReadFile(s.programs.sendmail)
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.path("sendmail"), program, 0o755); err != nil {
		return err
	}
	if err := s.copyMechanisms(); err != nil {
		return err
	}
	return s.write(0o644, map[string]string{
		"dev/null": "", "dev/zero": "", "dev/random": "", "dev/urandom": "", // mount points
		"aliases":        config.Aliases,
		"service.switch": "hosts files\naliases files\n",
		"statistics":     "",
		// Mechanisms that Debian installs beside these have no passwords here.
		"dev/sasl/Sendmail.conf": "pwcheck_method: saslauthd\nsaslauthd_path: " + s.path("mux") + "\nmech_list: PLAIN LOGIN\n",
	})
}

// copyMechanisms puts mechanisms of libsasl2 beside its configuration, where sendmail takes them: it wants no folder
// above them that everybody may write to, and finds none in its own /dev.
func (s *Sendmail) copyMechanisms() error {
	for _, name := range []string{"libplain.so", "liblogin.so"} {
		found, err := filepath.Glob(s.programs.tree.Path("/usr/lib/*-linux-gnu*/sasl2/" + name))
		if err != nil || len(found) == 0 {
			return fmt.Errorf("find %s of libsasl2: %w", name, errors.Join(err, fs.ErrNotExist))
		}
		library, err := os.ReadFile(found[0])
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.path("dev/sasl/"+name), library, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// configure translates one of the two configurations.
func (s *Sendmail) configure(ctx context.Context, name, mc string) error {
	if err := s.write(0o644, map[string]string{name + ".mc": mc}); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, s.programs.m4, "-D_CF_DIR_="+s.programs.cf, s.programs.cf+"m4/cf.m4", s.path(name+".mc"))
	cmd.Env = s.programs.tree.Env()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cf, err := cmd.Output()
	// The sources warn of what stands in the wrong place, and go on.
	if err != nil || stderr.Len() > 0 {
		return fmt.Errorf("translate %s.mc: %w%s", name, errors.Join(err, errors.New("m4 complains")), quoteLog(stderr.String()))
	}
	return s.write(0o644, map[string]string{name + ".cf": string(cf)})
}

// Configuration returns what a file of the instance holds: "sendmail.cf", "submit.cf" or the .mc files that they are
// made of.
func (s *Sendmail) Configuration(name string) (string, error) {
	text, err := os.ReadFile(s.path(name))
	return string(text), err
}

// mc returns the text of one of the two .mc files for this instance, with the caller's lines.
func (s *Sendmail) mc(template, lines, relay string) string {
	host, port, found := strings.Cut(relay, ":")
	if !found {
		host, port = "127.0.0.1", "1" // nobody listens there
	}
	return strings.NewReplacer(
		"@DIR@", s.dir, "@PORT@", portOf(s.Addr), "@RELAYHOST@", host, "@RELAYPORT@", port, "@MC@", lines,
		"@OWNER@", s.programs.owner,
	).Replace(template)
}
