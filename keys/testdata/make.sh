#!/bin/sh
# Makes the keys in this folder with GnuPG, once: the tests ask for no GnuPG and know the dates.
set -eu
out=$(cd "$(dirname "$0")" && pwd)
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
trap 'gpgconf --kill all; rm -rf "$GNUPGHOME"' EXIT
echo 's2k-count 65536' >"$GNUPGHOME/gpg-agent.conf" # unlocking is slow by design, and gets slower with the race detector

gpg() {
	command gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase "$passphrase" \
		--faked-system-time "$when" "$@"
}

passphrase=''
when=20260101T000000!
gpg --quick-gen-key 'Rita Revoked <rita@example.org>' ed25519 cert,sign never
rita=$(gpg --with-colons --list-keys rita@example.org | awk -F: '/^fpr/ {print $10; exit}')
gpg --quick-add-key "$rita" cv25519 encr never
gpg --armor --export "$rita" >"$out/rita.asc"
sed 's/^:-----BEGIN/-----BEGIN/' "$GNUPGHOME/openpgp-revocs.d/$rita.rev" | gpg --import
gpg --armor --export "$rita" >"$out/rita-revoked.asc"

gpg --quick-gen-key 'Sam Signer <sam@example.org>' ed25519 cert,sign never
gpg --armor --export sam@example.org >"$out/sam-cannot-encrypt.asc"

gpg --quick-gen-key 'Wanda Weak <wanda@example.org>' rsa1024 default never
gpg --armor --export wanda@example.org >"$out/wanda-weak.asc"

gpg --quick-gen-key 'No Address' ed25519 cert,sign never
gpg --armor --export 'No Address' >"$out/no-address.asc"

passphrase='correct horse'
gpg --quick-gen-key 'Greta Gnu <greta@example.org>' ed25519 cert,sign never
greta=$(gpg --with-colons --list-keys greta@example.org | awk -F: '/^fpr/ {print $10; exit}')
gpg --quick-add-key "$greta" cv25519 encr never
gpg --armor --export-secret-keys "$greta" >"$out/greta-secret.asc"
gpg --armor --export-secret-subkeys "$greta" >"$out/greta-secret-without-primary.asc"
sed 's/^:-----BEGIN/-----BEGIN/' "$GNUPGHOME/openpgp-revocs.d/$greta.rev" | gpg --import
gpg --armor --export "$greta" >"$out/greta-revoked.asc"

gpg --quick-gen-key 'Vera Moved <vera@example.org>' ed25519 cert,sign never
vera=$(gpg --with-colons --list-keys vera@example.org | awk -F: '/^fpr/ {print $10; exit}')
gpg --quick-add-uid "$vera" 'Vera Moved <vera@example.net>'
gpg --quick-add-key "$vera" cv25519 encr never
gpg --armor --export "$vera" >"$out/vera.asc"
gpg --quick-revoke-uid "$vera" 'Vera Moved <vera@example.org>'
gpg --armor --export "$vera" >"$out/vera-moved.asc"
