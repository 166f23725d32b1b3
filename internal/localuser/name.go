package localuser

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
)

// Root is the name of the user with the number 0, whatever else it is called.
const Root = "root"

// Name returns a user's name, "uid:N" for a number without a name, and "" if the host cannot tell now. No number but 0
// has the name [Root].
func (*Host) Name(uid uint32) string {
	if uid == 0 {
		return Root
	}
	number := strconv.FormatUint(uint64(uid), 10)
	u, err := user.LookupId(number)
	var unknown user.UnknownUserIdError
	switch {
	case errors.As(err, &unknown), err == nil && (u.Username == "" || u.Username == Root):
		return fmt.Sprintf("uid:%s", number)
	case err != nil:
		return ""
	}
	return u.Username
}
