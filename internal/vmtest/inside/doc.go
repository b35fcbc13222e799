// Package inside holds tests of the kernel that they run on: what it is able to
// do, which functions of the language it runs, and that it accepts generated
// programs. They run in the guests of vmtest and, as root, on any machine.
package inside
