#ifdef __cplusplus
}
#endif

#endif /* TASK_SCHEDULING_H */
