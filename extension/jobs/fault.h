/*
 * fault.h: named places at which `make fault` kills the process (built with -DVY_FAULT_POINTS); nothing otherwise.
 */
#ifndef VY_FAULT_H
#define VY_FAULT_H

#ifdef VY_FAULT_POINTS
/* The file fault_point in the data folder holds "name countdown": SIGKILL at that passage, after the name was added to fault_point.hit. */
void vy_fault_point(const char *name);
#define VY_FAULT_POINT(name) vy_fault_point(name)
#else
#define VY_FAULT_POINT(name) ((void) 0)
#endif

#endif
