package premises

import (
	"fmt"
	"path/filepath"

	"sealmilter/internal/config"
	"sealmilter/internal/shell"
)

// Lost returns an error if secret keys lie in the state directory without the built-in database that says for whom they
// sign. It is asked before the database is opened, which would make an empty one: with that the daemon refuses mail for
// good that it puts off without.
func Lost(c *config.Config) error {
	secrets := Secrets(c)
	if c.Database != "" || len(secrets) == 0 || Exists(Database(c)) {
		return nil
	}
	return fmt.Errorf("%s does not exist, and secret keys lie in %s: the database that says for whom they sign is lost; "+
		"put it back, or restore it from a backup (docs/operations.md), or, without one, stop sealmilter and tell an empty one of them: %s",
		Database(c), filepath.Dir(secrets[0]), ImportSecrets(c))
}

// Secrets returns the files with secret keys in the state directory.
func Secrets(c *config.Config) []string {
	files, err := filepath.Glob(filepath.Join(c.State, "secret", "*.pgp"))
	if err != nil {
		return nil
	}
	return files
}

// ImportSecrets is the command that tells an empty database of the keys in the state directory.
func ImportSecrets(c *config.Config) string {
	return "sealmilter keys import " + SecretFiles(c)
}

// SecretFiles names the files with secret keys in the state directory, as the shell reads it.
func SecretFiles(c *config.Config) string {
	return shell.Quote(filepath.Join(c.State, "secret")) + "/*.pgp"
}
